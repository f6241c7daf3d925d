package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/auth"
	"restante/internal/signalr"
)

// recorder is a peer that notes the runs of what it takes.
type recorder struct {
	*peer
	mu   sync.Mutex
	runs []signalr.Run
	sent [][]byte
}

func newRecorder() *recorder { return &recorder{peer: newPeer()} }

func (r *recorder) TryWriteRun(payload []byte, run signalr.Run) bool {
	if !r.TryWrite(payload) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs, r.sent = append(r.runs, run), append(r.sent, slices.Clone(payload))
	return true
}

// all returns all bytes that were taken of a room, and their run.
func (r *recorder) all(t *testing.T, name string) (run signalr.Run, sent []byte) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, part := range r.runs {
		if part.Log.(*room).name != name {
			continue
		}
		if run.Log == nil {
			run = part
		} else if run.Log != part.Log || run.First+run.Count != part.First {
			t.Fatalf("run %v does not follow %v", part, run)
		} else {
			run.Count += part.Count
		}
		sent = append(sent, r.sent[i]...)
	}
	return run, sent
}

// replayAll replays a run piece by piece.
func replayAll(ctx context.Context, s *session, run signalr.Run) (got []byte, err error) {
	for run.Count > 0 {
		payload, n, err := s.Replay(ctx, run)
		if err != nil {
			return got, err
		}
		if n < 1 || n > run.Count || len(payload) > maxWrite && n > 1 {
			return got, errors.New("a piece of the wrong size")
		}
		got = append(got, payload...)
		run.First, run.Count = run.First+n, run.Count-n
	}
	return got, nil
}

// What is read again is what was written, byte by byte, wherever it is read from and from wherever on.
func TestSession_ReplayIsWhatWasWritten(t *testing.T) {
	for _, enc := range []encoding{signalrJSON, signalrMessagePack} {
		log := &history{}
		log.append("a", 300)
		h := startWith(t, Config{TailBytes: 64 << 10}, log)
		rec := newRecorder()
		s, err := h.connect(anyone(t.Context()), rec, enc, queryOf(t, "room=a&after=0&room=b"))
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			h.Deliver(log.append("a", 5))
			h.Deliver(log.append("b", 1))
		}
		count := func(room string) int64 { run, _ := rec.all(t, room); return run.Count }
		waitUntil(t, func() bool { return count("a") == 500 && count("b") == 40 })
		runA, sentA := rec.all(t, "a")
		runB, sentB := rec.all(t, "b")
		check := func(what string) {
			t.Helper()
			if err := s.Replayable(anyone(t.Context()), []signalr.Run{runA, runB}); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			a, errA := replayAll(t.Context(), s, runA)
			b, errB := replayAll(t.Context(), s, runB)
			if string(a) != string(sentA) || string(b) != string(sentB) || errA != nil || errB != nil {
				t.Errorf("%s: %d and %d bytes, want %d and %d; %v, %v", what, len(a), len(b), len(sentA), len(sentB), errA, errB)
			}
			var parts []byte
			for _, part := range [][2]int64{{1, 99}, {100, 57}, {157, 344}} {
				got, err := replayAll(t.Context(), s, signalr.Run{Log: runA.Log, First: part[0], Count: part[1]})
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				parts = append(parts, got...)
			}
			if string(parts) != string(sentA) {
				t.Errorf("%s: in parts it is something else", what)
			}
		}
		check("from tails and pages")
		for _, r := range h.listRooms() {
			r.dropTail()
		}
		h.pages.dropAll()
		check("from pages")
		s.conn.unfollow("a")
		s.conn.unfollow("b")
		check("of rooms that were left")
		s.Close()
		rec.end()
	}
}

func TestSession_ReplayableOnlyIfNothingIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 100)
		h, stop := running(t, log)
		p := newPeer()
		s, err := h.connect(anyone(t.Context()), p, signalrJSON, queryOf(t, "room=a"))
		if err != nil {
			t.Fatal(err)
		}
		r := h.listRooms()[0]
		runs := []signalr.Run{runOf(r, 60, 70), runOf(r, 40, 50)}
		want := func(ctx context.Context, want error) {
			t.Helper()
			if err := s.Replayable(ctx, runs); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		all := anyone(t.Context())
		want(all, nil)
		want(auth.With(t.Context(), bob()), signalr.ErrForbidden)
		log.raise(39)
		want(all, nil)
		log.setBroken(true)
		want(all, nil)
		log.setBroken(false)
		log.raise(40)
		want(all, signalr.ErrRemoved)
		if _, err := replayAll(t.Context(), s, runs[1]); !errors.Is(err, signalr.ErrRemoved) {
			t.Errorf("removed since the client has come back: %v", err)
		}
		log.goBack("a", 90, secondEpoch)
		runs = runs[:1]
		want(all, signalr.ErrRemoved) // the hub does not know it yet
		h.Enter(secondEpoch)
		want(all, signalr.ErrRemoved)
		s.Close()
		stop()
	})
}

func TestSession_ReplayWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 100)
		h, stop := running(t, log)
		s, err := h.connect(anyone(t.Context()), newPeer(), signalrJSON, queryOf(t, "room=a"))
		if err != nil {
			t.Fatal(err)
		}
		run := runOf(h.listRooms()[0], 11, 20)
		log.setBroken(true)
		ctx, cancel := context.WithCancel(t.Context())
		replayed := make(chan error, 2)
		replay := func(ctx context.Context) { _, err := replayAll(ctx, s, run); replayed <- err }
		go replay(ctx)
		<-time.After(20 * time.Second)
		if len(replayed) > 0 {
			t.Fatal("it does not wait")
		}
		log.setBroken(false)
		if err := <-replayed; err != nil {
			t.Error(err)
		}
		log.setBroken(true)
		h.pages.dropAll()
		go replay(ctx)
		<-time.After(20 * time.Second)
		cancel()
		if err := <-replayed; !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of the connection: %v", err)
		}
		s.Close()
		stop()
	})
}
