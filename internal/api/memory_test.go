package api

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"restante/internal/chat"
)

// memory is a store, a broker that delivers at once, and a hub, all in memory. With err set, every call fails.
type memory struct {
	mu      sync.Mutex
	rooms   map[string][]chat.Message
	err     error
	failing map[string]bool // the calls that fail with err; nil: all
	changed chan struct{}
}

func newMemory() *memory {
	return &memory{rooms: map[string][]chat.Message{}, changed: make(chan struct{})}
}

func (s *memory) fails(call string) error {
	if s.err != nil && (s.failing == nil || s.failing[call]) {
		return s.err
	}
	return nil
}

func (s *memory) Publish(_ context.Context, m chat.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Publish"); err != nil {
		return err
	}
	log := s.rooms[m.Room]
	if slices.ContainsFunc(log, func(old chat.Message) bool { return old.ID == m.ID }) {
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

func (s *memory) After(_ context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("After"); err != nil {
		return nil, err
	}
	log := s.rooms[room]
	from := min(int(max(seq, 0)), len(log))
	return slices.Clone(log[from:min(from+limit, len(log))]), nil
}

func (s *memory) Before(_ context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Before"); err != nil {
		return nil, err
	}
	log := s.rooms[room]
	to := int(max(min(seq-1, int64(len(log))), 0))
	return slices.Clone(log[max(to-limit, 0):to]), nil
}

func (s *memory) SeqAt(_ context.Context, room string, t time.Time) (int64, error) {
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

func (s *memory) Room(_ context.Context, name string) (chat.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Room"); err != nil {
		return chat.Room{}, err
	}
	return s.room(name), nil
}

func (s *memory) room(name string) chat.Room {
	r := chat.Room{Name: name}
	if log := s.rooms[name]; len(log) > 0 {
		last := log[len(log)-1]
		r.OldestSeq, r.LastSeq, r.LastStoredAt = 1, last.Seq, last.StoredAt
	}
	return r
}

func (s *memory) Rooms(_ context.Context, after string, limit int) ([]chat.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fails("Rooms"); err != nil {
		return nil, err
	}
	var list []chat.Room
	for name := range s.rooms {
		if name > after {
			list = append(list, s.room(name))
		}
	}
	slices.SortFunc(list, func(a, b chat.Room) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list[:min(limit, len(list))], nil
}

// follow is what hub.Hub does, without its tails.
func (s *memory) follow(ctx context.Context, room string, after int64, w StreamWriter) error {
	if after < 0 {
		r, _ := s.Room(ctx, room)
		after = r.LastSeq
	}
	out := []byte(":\n\n")
	for {
		s.mu.Lock()
		err, changed := s.fails("Follow"), s.changed
		for _, m := range s.rooms[room] {
			if m.Seq > after {
				out = fmt.Appendf(out, "id: %d\nevent: message\ndata: %s\n\n", m.Seq, m.AppendJSON(nil))
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
