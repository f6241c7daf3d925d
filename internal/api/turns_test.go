package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/turn"
)

// countedTurns counts the turns that were taken and those that are held.
type countedTurns struct {
	*turn.Turns
	taken, held atomic.Int64
}

// Take is Turns's.
func (c *countedTurns) Take(ctx context.Context) (func(), error) {
	done, err := c.Turns.Take(ctx)
	if err != nil {
		return nil, err
	}
	c.taken.Add(1)
	c.held.Add(1)
	return func() { c.held.Add(-1); done() }, nil
}

// unread is the writer of a response that calls blocked and waits at the first write of its body.
type unread struct {
	*httptest.ResponseRecorder
	blocked func()
	some    bool
}

// Write implements http.ResponseWriter.
func (u *unread) Write(p []byte) (int, error) {
	if !u.some {
		u.some = true
		u.blocked()
	}
	return u.ResponseRecorder.Write(p)
}

// While a long answer waits for its reader, others read: every page of it takes a turn, which ends before the answer is written.
func TestReads_TakeTurnsButNotWhileTheyWrite(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 2*chat.MaxPage+1)
	turns := &countedTurns{Turns: turn.New(turn.Config{Reads: 1})}
	a := newAPI(t, s, func(c *Config) {
		c.Turns = turns
		c.History = afterFunc{s, func(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
			if turns.held.Load() != 1 {
				t.Error("a page was read without a turn")
			}
			return s.After(ctx, room, seq, limit)
		}}
	})
	w := &unread{ResponseRecorder: httptest.NewRecorder(), blocked: func() {
		for _, target := range []string{"/rooms/lobby/messages", "/rooms/lobby/messages?after=1", "/messages/since?after=1&limit=1", "/rooms"} {
			if w := do(a, "GET", target, ""); w.Code != 200 {
				t.Errorf("%s: %d", target, w.Code)
			}
		}
	}}
	r := httptest.NewRequest("GET", "/messages/since?after=0", nil)
	a.ServeHTTP(w, r.WithContext(auth.With(r.Context(), auth.Anyone())))
	if seqs := missed(t, w.ResponseRecorder); len(seqs) != 2*chat.MaxPage+1 {
		t.Errorf("%d messages", len(seqs))
	}
	if taken := turns.taken.Load(); taken != 4+3 {
		t.Errorf("%d turns were taken", taken)
	}
}

func TestReads_GiveUpTheirTurnWithTheRequest(t *testing.T) {
	s := newMemory()
	turns := turn.New(turn.Config{Reads: 1})
	a := newAPI(t, s, func(c *Config) { c.Turns = turns })
	done, err := turns.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for _, target := range []string{"/rooms/lobby/messages", "/messages/since?after=0", "/rooms"} {
		ctx, cancel := context.WithCancel(auth.With(t.Context(), auth.Anyone()))
		cancel()
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("GET", target, nil).WithContext(ctx))
		if p := problemIn(t, w); p.Status != 503 {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
}

// A long answer whose rest is of another epoch, or was removed, ends with the connection: its headers are sent.
func TestGetMissedMessages_BreaksOffWhenTheLogBecomesAnotherOne(t *testing.T) {
	for name, change := range map[string]func(*memoryLog){
		"went back":               func(s *memoryLog) { s.goBack("lobby", 10) },
		"went back and grew":      func(s *memoryLog) { s.goBack("lobby", 10); fill(t, s, "lobby", 3*chat.MaxPage) },
		"lost the rest":           func(s *memoryLog) { s.remove("lobby", 3*chat.MaxPage) },
		"lost some of what comes": func(s *memoryLog) { s.remove("lobby", 2*chat.MaxPage+3) },
	} {
		s := newMemory()
		fill(t, s, "lobby", 3*chat.MaxPage)
		reads := 0
		srv := httptest.NewServer(auth.Open(newAPI(t, s, func(c *Config) {
			c.History = afterFunc{s, func(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
				if reads++; reads == 3 {
					change(s)
				}
				return s.After(ctx, room, seq, limit)
			}}
		})))
		res, err := srv.Client().Get(srv.URL + "/messages/since?since=2026-01-01")
		if err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil {
				t.Errorf("%s: an answer of %d bytes ended like a whole one", name, len(body))
			}
		}
		srv.Close()
	}
}

// A page may end with its bytes: whether there is more is decided by the numbers of the room.
func TestPages_GoOnByNumbersNotByCount(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 3)
	for i := range s.rooms["lobby"] {
		s.rooms["lobby"][i].Msg = strings.Repeat("x", chat.MaxPageBytes)
	}
	a := newAPI(t, s)
	if seqs := missed(t, do(a, http.MethodGet, "/messages/since?after=0", "")); len(seqs) != 3 {
		t.Errorf("missed %v", seqs)
	}
	if seqs := walk(t, a, "/rooms/lobby/messages?after=0", false); len(seqs) != 3 {
		t.Errorf("pages after 0: %v", seqs)
	}
	if w := do(a, http.MethodGet, "/rooms/lobby/messages?after=2&limit=1", ""); strings.Contains(w.Body.String(), "next") {
		t.Error("the last page, which is full, leads on")
	}
}
