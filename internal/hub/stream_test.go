package hub

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/auth"
	"restante/internal/errs"
)

// wire is a stream to a peer that reads only when the test reads.
type wire struct {
	net.Conn
	peer net.Conn
}

func newWire(t *testing.T) wire {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return wire{near, far}
}

func (wire) Flush() error { return nil }

// read reads all that comes until the stream is closed.
func (w wire) read() <-chan []byte {
	all := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(w.peer)
		all <- b
	}()
	return all
}

// until returns a context of ann's whose token expires after d.
func until(t *testing.T, d time.Duration) context.Context {
	client := ann()
	client.Expires = time.Now().Add(d)
	return auth.With(t.Context(), client)
}

func TestHub_FollowEndsWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 3)
		h := start(t, log)
		w := newWire(t)
		got := w.read()
		begun := time.Now()
		if err := h.Follow(until(t, time.Minute), at("a", 0), w); err != nil {
			t.Errorf("Follow: %v", err)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("the stream lasted %v, want a minute", took)
		}
		if h.openRooms() != 0 || h.openStreams() != 0 {
			t.Error("the stream is still open")
		}
		// net/http can still write the end of the response.
		if _, err := w.Write([]byte("end")); err != nil {
			t.Errorf("write after the end: %v", err)
		}
		w.Close()
		all := <-got
		wantSeqs(t, seqsOf(all), upTo(1, 3))
		if !bytes.HasSuffix(all, []byte("end")) {
			t.Errorf("the stream ends with %q", all)
		}
	})
}

func TestHub_FollowEndsWithTheTokenThoughThePeerIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 1000)
		h := start(t, log)
		begun := time.Now()
		if err := h.Follow(until(t, time.Minute), at("a", 0), newWire(t)); err != nil { // the peer does not read
			t.Errorf("Follow: %v", err)
		}
		if took := time.Since(begun); took < time.Minute || took > time.Minute+2*time.Second {
			t.Errorf("the stream lasted %v, want a minute", took)
		}
	})
}

// Some clients take each blank line for the end of a message, so each must end an event with data, comments in between or not.
func TestHub_FollowWritesBlankLinesAfterEventsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 2)
		h := startWith(t, Config{StreamKeepAlive: 10 * time.Second}, log)
		w := newWire(t)
		got := w.read()
		time.AfterFunc(25*time.Second, func() { h.Deliver(log.append("a", 1)) })
		if err := h.Follow(until(t, time.Minute), at("a", 0), w); err != nil {
			t.Errorf("Follow: %v", err)
		}
		w.Close()
		all := string(<-got)
		comments, data := 0, false
		for line := range strings.SplitSeq(strings.TrimSuffix(all, "\n"), "\n") {
			if line == "" && !data {
				t.Errorf("a blank line that ends no event, in %q", all)
			}
			data = line != "" && (data || strings.HasPrefix(line, "data:"))
			if line == ":" {
				comments++
			}
		}
		if !strings.HasPrefix(all, ":\n") || comments != 1+5 {
			t.Errorf("%d comments in %q, want one at the head and one after each 10 s of silence", comments, all)
		}
	})
}

// lateWire is a wire on which the first deadline after a given time takes long to set.
type lateWire struct {
	wire
	from    time.Time
	late    atomic.Bool
	running atomic.Int32
	set     atomic.Int64 // the latest, in Unix nanoseconds
}

func (w *lateWire) SetWriteDeadline(deadline time.Time) error {
	w.running.Add(1)
	defer w.running.Add(-1)
	if !time.Now().Before(w.from) && !w.late.Swap(true) {
		<-time.After(time.Second)
	}
	w.set.Store(deadline.UnixNano())
	return w.wire.SetWriteDeadline(deadline)
}

// When Follow has returned, the connection serves another request: a deadline set then would end that one.
func TestHub_FollowLeavesTheWriterAlone(t *testing.T) {
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, &history{})
			w := &lateWire{wire: newWire(t), from: time.Now().Add(time.Minute)}
			w.read()
			if err := h.Follow(until(t, time.Minute), at("a", Now), w); err != nil {
				t.Errorf("Follow: %v", err)
			}
			if n := w.running.Load(); n != 0 {
				t.Errorf("%d deadlines are still being set", n)
			}
			w.Close()
		})
	}
}

// A keep-alive that is about to be written when the token expires grants the peer its usual time. It must not have it.
func TestHub_FollowEndsSoonThoughAWriteIsAboutToBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const almost = time.Minute - time.Second/2
		h := startWith(t, Config{StreamKeepAlive: almost}, &history{})
		w := &lateWire{wire: newWire(t), from: time.Now().Add(almost)}
		w.read()
		if err := h.Follow(until(t, time.Minute), at("a", Now), w); err != nil {
			t.Errorf("Follow: %v", err)
		}
		if left := time.Until(time.Unix(0, w.set.Load())); left > endTimeout {
			t.Errorf("the peer has %v for the end of the stream", left)
		}
		w.Close()
	})
}

func TestHub_FollowEndsWithTheEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 3)
		h := start(t, log)
		w := newWire(t)
		got := w.read()
		time.AfterFunc(time.Minute, func() { h.Enter(secondEpoch) })
		begun := time.Now()
		if err := h.Follow(anyone(t.Context()), at("a", 0), w); err != nil {
			t.Errorf("Follow: %v", err)
		}
		if took := time.Since(begun); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("the stream lasted %v, want a minute", took)
		}
		w.Close()
		wantSeqs(t, seqsOf(<-got), upTo(1, 3))
	})
}

// counter counts as Config.Connect does.
type counter struct {
	open, total int
	err         error
}

func (c *counter) connect(context.Context) (release func(), err error) {
	if c.err != nil {
		return nil, c.err
	}
	c.open++
	c.total++
	released := false
	return func() {
		if released {
			panic("released twice")
		}
		released = true
		c.open--
	}, nil
}

func TestHub_FollowIsCountedWhileItLasts(t *testing.T) {
	for name, tc := range map[string]struct {
		follow func(t *testing.T, h *Hub, w wire) error
		ok     bool
	}{
		"until it is cut short": {func(t *testing.T, h *Hub, w wire) error {
			ctx, cancel := context.WithTimeout(anyone(t.Context()), time.Second)
			defer cancel()
			return h.Follow(ctx, at("a", 0), w)
		}, true},
		"until the server drains": {func(t *testing.T, h *Hub, w wire) error {
			time.AfterFunc(time.Second, func() { _ = h.Drain(context.Background()) })
			return h.Follow(anyone(t.Context()), at("a", 0), w)
		}, true},
		"until its token expires": {func(t *testing.T, h *Hub, w wire) error {
			return h.Follow(until(t, time.Second), at("a", 0), w)
		}, true},
		"until the peer has disconnected": {func(t *testing.T, h *Hub, w wire) error {
			time.AfterFunc(time.Second, func() { w.peer.Close() })
			return h.Follow(anyone(t.Context()), at("a", 0), w)
		}, false},
		"while a cursor is refused": {func(t *testing.T, h *Hub, w wire) error {
			return h.Follow(anyone(t.Context()), at("a", 99), w)
		}, false},
		"while a room is refused": {func(t *testing.T, h *Hub, w wire) error {
			return h.Follow(auth.With(t.Context(), bob()), at("a", 0), w)
		}, false},
		"while the server drains": {func(t *testing.T, h *Hub, w wire) error {
			_ = h.Drain(t.Context())
			return h.Follow(anyone(t.Context()), at("a", 0), w)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var count counter
				log := &history{}
				log.append("a", 5)
				h := startWith(t, Config{Connect: count.connect, StreamKeepAlive: 100 * time.Millisecond}, log)
				w := newWire(t)
				w.read()
				if err := tc.follow(t, h, w); (err == nil) != tc.ok {
					t.Errorf("Follow: %v, want to end well: %v", err, tc.ok)
				}
				if count.open != 0 || count.total != 1 {
					t.Errorf("counted %d times, %d of them not given back, want once", count.total, count.open)
				}
				w.Close()
			})
		})
	}
}

func TestHub_FollowTooManyIsRefused(t *testing.T) {
	count := counter{err: &errs.Error{Code: errs.TooMany, Msg: "too many streams"}}
	h := startWith(t, Config{Connect: count.connect}, &history{})
	if err := h.Follow(anyone(t.Context()), at("a", Now), noStream{}); !errors.Is(err, count.err) {
		t.Errorf("got %v, want %v", err, count.err)
	}
}
