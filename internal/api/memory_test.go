package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"restante/internal/chat"
)

// memoryLog is a store, a broker that delivers at once, and a hub, all in memory. With err set, every call fails.
type memoryLog struct {
	mu      sync.Mutex
	rooms   map[string][]chat.Message
	removed map[string]int64 // up to which number the messages of a room have been removed
	epochs  []memoryEpoch    // the present one last
	err     error
	failing map[string]bool // the calls that fail with err; nil: all
	changed chan struct{}
}

// memoryEpoch is an epoch and the numbers with which the rooms began it.
type memoryEpoch struct {
	id     string
	begins map[string]int64
}

// The epochs of a memory: the first one, and those that goBack begins.
var epochIDs = []string{"e0e0e0e0e0e0e0e0", "e1e1e1e1e1e1e1e1", "e2e2e2e2e2e2e2e2"}

func newMemory() *memoryLog {
	return &memoryLog{
		rooms: map[string][]chat.Message{}, removed: map[string]int64{}, epochs: []memoryEpoch{{id: epochIDs[0]}},
		changed: make(chan struct{}),
	}
}

// goBack takes the store back to a state in which the room had n messages, and begins the next epoch.
func (s *memoryLog) goBack(room string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[room] = s.rooms[room][:n]
	begins := map[string]int64{}
	for name, log := range s.rooms {
		begins[name] = int64(len(log))
	}
	s.epochs = append(s.epochs, memoryEpoch{epochIDs[len(s.epochs)], begins})
}

// remove removes the messages of a room up to a number.
func (s *memoryLog) remove(room string, upTo int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed[room] = upTo
}

func (s *memoryLog) epoch() (chat.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.present(), s.fails("Epoch")
}

func (s *memoryLog) present() chat.Epoch {
	return chat.Epoch{Store: "0192f0c1-0000-7c3d-8e4f-5a6b7c8d9e0f", ID: s.epochs[len(s.epochs)-1].id, First: len(s.epochs) == 1}
}

// Beginning is that of driver.Driver.
func (s *memoryLog) Beginning(_ context.Context, room, epoch string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch == "" {
		epoch = epochIDs[0]
	}
	least, known := int64(math.MaxInt64), false
	for _, e := range s.epochs {
		if known {
			least = min(least, e.begins[room])
		}
		known = known || e.id == epoch
	}
	if least == math.MaxInt64 {
		least = 0
	}
	return least, s.fails("Beginning")
}

func (s *memoryLog) fails(call string) error {
	if s.err != nil && (s.failing == nil || s.failing[call]) {
		return s.err
	}
	return nil
}

func (s *memoryLog) Publish(_ context.Context, m chat.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Publish"); err != nil {
		return err
	}
	log := s.rooms[m.Room]
	if i := slices.IndexFunc(log, func(old chat.Message) bool { return old.ID == m.ID && old.ClientID == m.ClientID }); i >= 0 {
		if log[i].Msg != m.Msg {
			return chat.ErrConflict
		}
		return nil
	}
	m.Seq = int64(len(log)) + 1
	m.StoredAt = epoch.Add(time.Duration(m.Seq) * time.Microsecond)
	s.rooms[m.Room] = append(log, m)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// epoch is one microsecond before the first message of a memory is stored.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (s *memoryLog) After(_ context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("After"); err != nil {
		return nil, err
	}
	log := s.rooms[room]
	from := min(int(max(seq, s.removed[room])), len(log))
	return s.read(log[from:min(from+limit, len(log))], false), nil
}

func (s *memoryLog) Before(_ context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Before"); err != nil {
		return nil, err
	}
	log, oldest := s.rooms[room], int(s.removed[room])
	to := int(max(min(seq-1, int64(len(log))), int64(oldest)))
	return s.read(log[max(to-limit, oldest):to], true), nil
}

// read returns as much of a log, from its first message on or else up to its last one, as fits into a page.
func (s *memoryLog) read(log []chat.Message, newest bool) []chat.Message {
	size := func() (sum int) {
		for _, m := range log {
			sum += len(m.Msg)
		}
		return sum
	}
	for len(log) > 1 && size() > chat.MaxPageBytes {
		if newest {
			log = log[1:]
		} else {
			log = log[:len(log)-1]
		}
	}
	log = slices.Clone(log)
	for i := range log {
		log[i].Epoch = s.present().ID
	}
	return log
}

func (s *memoryLog) SeqAt(_ context.Context, room string, t time.Time) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("SeqAt"); err != nil {
		return 0, err
	}
	var seq int64
	for _, m := range s.rooms[room] {
		if !m.StoredAt.After(t) {
			seq = m.Seq
		}
	}
	return seq, nil
}

func (s *memoryLog) Room(_ context.Context, name string) (chat.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Room"); err != nil {
		return chat.Room{}, err
	}
	return s.room(name), nil
}

func (s *memoryLog) room(name string) chat.Room {
	r := chat.Room{Name: name, Epoch: s.present()}
	if log := s.rooms[name]; len(log) > 0 {
		last := log[len(log)-1]
		r.LastSeq, r.LastStoredAt = last.Seq, last.StoredAt
		if s.removed[name] < last.Seq {
			r.OldestSeq = s.removed[name] + 1
		}
	}
	return r
}

func (s *memoryLog) Rooms(_ context.Context, after, before string, limit int) ([]chat.Room, error) {
	list, err := s.list(func(name string) bool { return name > after && (before == "" || name < before) })
	return list[:min(limit, len(list))], err
}

func (s *memoryLog) RoomsNamed(_ context.Context, names []string) ([]chat.Room, error) {
	return s.list(func(name string) bool { return slices.Contains(names, name) })
}

// list returns the rooms of the names for which want is true, in their order.
func (s *memoryLog) list(want func(name string) bool) ([]chat.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Rooms"); err != nil {
		return nil, err
	}
	var list []chat.Room
	for name := range s.rooms {
		if want(name) {
			list = append(list, s.room(name))
		}
	}
	slices.SortFunc(list, func(a, b chat.Room) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// follow is what hub.Hub does, without its tails.
func (s *memoryLog) follow(ctx context.Context, c chat.Cursor, w StreamWriter) error {
	room, err := s.Room(ctx, c.Room)
	if err != nil {
		return err
	}
	after, reset, err := chat.Resume(room, c, func(epoch string) (int64, error) { return s.Beginning(ctx, c.Room, epoch) })
	if err != nil {
		return err
	}
	out := []byte(":\n")
	if reset != nil {
		data, _ := json.Marshal(reset)
		out = fmt.Appendf(out, "id: %s\nevent: reset\ndata: %s\n\n", chat.AppendEventID(nil, after, room.Epoch), data)
	}
	for {
		s.mu.Lock()
		err, changed := s.fails("Follow"), s.changed
		for _, m := range s.rooms[c.Room] {
			if m.Seq > after {
				out = fmt.Appendf(out, "id: %s\nevent: message\ndata: %s\n\n", chat.AppendEventID(nil, m.Seq, room.Epoch), m.AppendJSON(nil))
				after = m.Seq
			}
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		out = out[:0]
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
