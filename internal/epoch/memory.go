package epoch

import (
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// maxRooms is how many rooms are remembered: those with the newest messages.
const maxRooms = 1000

// memory is the newest message of each room that this node has stored or delivered in one epoch. Its methods may be called
// concurrently.
type memory struct {
	mu    sync.Mutex
	epoch string
	rooms *lru.LRU[string, *driver.Seen]
}

func newMemory() *memory {
	rooms, _ := lru.NewLRU[string, *driver.Seen](maxRooms, nil) // it fails only without a size
	return &memory{rooms: rooms}
}

// note remembers stored messages of the epoch. It keeps nothing of the slice. It is called for every message.
func (m *memory) note(stored []chat.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range stored {
		s := &stored[i]
		last := i+1 == len(stored) || stored[i+1].Room != s.Room
		if !last || s.Epoch != m.epoch || s.Seq < 1 {
			continue
		}
		switch known, ok := m.rooms.Get(s.Room); {
		case !ok:
			m.rooms.Add(s.Room, &driver.Seen{Room: s.Room, Seq: s.Seq, ID: s.ID})
		case s.Seq > known.Seq:
			known.Seq, known.ID = s.Seq, s.ID
		}
	}
}

// begin forgets everything that is not of the epoch.
func (m *memory) begin(epoch string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != epoch {
		m.epoch = epoch
		m.rooms.Purge()
	}
}

// newest returns what is remembered of an epoch in the rooms with the newest messages, at most so many, the newest first.
func (m *memory) newest(epoch string, most int) []driver.Seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.epoch != epoch {
		return nil
	}
	var seen []driver.Seen
	for _, s := range slices.Backward(m.rooms.Values()) {
		if len(seen) == most {
			break
		}
		seen = append(seen, *s)
	}
	return seen
}
