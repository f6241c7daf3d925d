package peer

import (
	"slices"
	"strings"
	"time"
)

// StoreRecord is what the broker's record says about the store of the nodes. The zero value is that of a broker that has no
// store yet.
type StoreRecord struct {
	ID string `json:"id"` // of the store, a UUID; "" for none
	// Marks are the present mark and, until the store is known to have that, the one before it. The store has one of them. ""
	// stands for a store without a mark.
	Marks []string `json:"marks,omitempty"`
	// At is when the present mark was made.
	At time.Time `json:"at,omitzero"`
}

// Has reports whether a mark is the present one, or the one before while that counts.
func (r *StoreRecord) Has(mark string) bool { return slices.Contains(r.Marks, mark) }

// With returns the record after a new mark was made. It changes nothing of r.
func (r *StoreRecord) With(mark string, now time.Time) StoreRecord {
	next := StoreRecord{ID: r.ID, Marks: []string{mark}, At: now.UTC().Truncate(time.Second)}
	if len(r.Marks) > 0 {
		next.Marks = append(next.Marks, r.Marks[0])
	}
	return next
}

// Equal reports whether two records say the same.
func (r *StoreRecord) Equal(other StoreRecord) bool {
	return r.ID == other.ID && slices.Equal(r.Marks, other.Marks) && r.At.Equal(other.At)
}

// StoreState is what a node tells about the store in its heartbeats.
type StoreState struct {
	ID string `json:"id"` // of the store
	// Look names the state in which the node has found the database last: the server, the epoch and the mark, see StoreLook.
	Look string `json:"look"`
	// Serves says that the node reads and writes the database. While it is false the node decides whether the database is still
	// the one that it was.
	Serves bool `json:"serves,omitempty"`
	// Finds is what the node has found out about what it remembers.
	Finds Finding `json:"finds,omitempty"`
	// Missing has messages that the node remembers and that the database does not have: by room, the least number. It is cut off
	// when there are many.
	Missing map[string]int64 `json:"missing,omitempty"`
}

// Finding is what a node has found out about a database.
type Finding string

// The findings. "" says that the node has not looked yet.
const (
	Complete Finding = "complete" // the node has worked with this store before, and everything that it remembers is there
	Lacks    Finding = "lacks"    // something that it remembers is not there
	Unknown  Finding = "unknown"  // the node has not worked with this store before
)

// SetStore sets what the node tells about the store. Its heartbeats tell the others from then on. It keeps state.
func (t *Table) SetStore(state *StoreState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.store = state
}

// Others returns the other nodes that were heard within Expiry before now and work with the given store, sorted by id. It also
// reports whether that can be all of them: this node has heard heartbeats for as long as Expiry.
func (t *Table) Others(store string, now time.Time) (nodes []Node, all bool) {
	nodes = t.filter(Expiry, now, func(n Node) bool { return n.ID != t.self.ID && n.Store != nil && n.Store.ID == store })
	slices.SortFunc(nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	t.mu.Lock()
	defer t.mu.Unlock()
	return nodes, !t.listens.IsZero() && t.deafSince.IsZero() && now.Sub(t.listens) >= Expiry
}
