package hub

// Resync compares every room that has readers with the store.
func (h *Hub) Resync() {}
