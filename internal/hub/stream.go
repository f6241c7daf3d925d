package hub

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/memory"
	"restante/internal/signalr"
)

// StreamWriter takes the bytes of an event stream; http.ResponseController has all methods but Write. Write and Flush
// block while the peer is slow, until the deadline.
type StreamWriter interface {
	io.Writer
	Flush() error
	SetWriteDeadline(deadline time.Time) error
}

// endTimeout is how long a write in progress, and the end of the response, may still take when the stream ends.
const endTimeout = time.Second

// Follow writes the log of the cursor's room to w as server-sent events: the messages after the cursor, history first, then live,
// or with Now only those to come. An event reset says that reading does not go on at the cursor. It blocks until ctx is done, the
// client's token expires, the hub drains or enters another epoch, and returns nil then, or until a write fails. It refuses a
// room that the client may not read, an invalid cursor, and too many streams with a classified error before it writes
// anything.
func (h *Hub) Follow(ctx context.Context, cursor chat.Cursor, w StreamWriter) error {
	release, err := h.cfg.Connect(ctx)
	if err != nil {
		return err
	}
	defer release()
	held := h.cfg.Memory.Hold(memory.Connection, h.cfg.Owner(ctx))
	if err := held.Grow(priceOfStream); err != nil {
		return err
	}
	defer held.Release()
	ctx, cancel := auth.UntilExpiry(ctx)
	defer cancel()
	s := newStream(cancel)
	defer s.close()
	c := h.newConn(ctx, s, eventStream)
	s.memory, s.owner = h.cfg.Memory, c.owner
	defer c.close()
	if _, err := c.follow(ctx, cursor); err != nil {
		return err
	}
	if err := h.addStream(s, cancel); err != nil {
		return err
	}
	defer h.removeStream(s)
	return h.writeStream(ctx, s, w)
}

// addStream registers a stream, so that Drain can end it.
func (h *Hub) addStream(s *stream, end context.CancelFunc) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return &errs.Error{Code: errs.Unavailable, Msg: "the server is shutting down"}
	}
	h.streams[s] = end
	return nil
}

func (h *Hub) removeStream(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
}

// writeStream writes what the stream gets until ctx is done. Then it also ends a write to a slow peer.
func (h *Hub) writeStream(ctx context.Context, s *stream, w StreamWriter) error {
	giveUp := func() { _ = w.SetWriteDeadline(time.Now().Add(endTimeout)) }
	gaveUp := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(gaveUp)
		giveUp()
	})
	err := h.writeAll(ctx, s, w)
	if !stop() {
		<-gaveUp // from here on only the caller uses w
		giveUp() // again, since a write that was about to begin may have set a later deadline
	}
	return err
}

func (h *Hub) writeAll(ctx context.Context, s *stream, w StreamWriter) error {
	quiet := time.NewTimer(h.cfg.StreamKeepAlive)
	defer quiet.Stop()
	for {
		var payload []byte
		select {
		case <-ctx.Done():
			return nil
		case <-s.filled:
			payload = s.take()
		case <-quiet.C:
			payload = []byte(comment)
		}
		err := writeEvents(ctx, w, payload, h.cfg.StreamStall)
		s.wrote()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		quiet.Reset(h.cfg.StreamKeepAlive)
	}
}

func writeEvents(ctx context.Context, w StreamWriter, payload []byte, stall time.Duration) error {
	if err := w.SetWriteDeadline(time.Now().Add(stall)); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	if ctx.Err() != nil { // otherwise giveUp has not run yet, and will set the deadline
		return nil
	}
	if _, err := w.Write(payload); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	return nil
}

// comment is a line that clients ignore (WHATWG HTML section 9.2.6). No blank line follows it: some clients take a blank line
// for the end of a message, also of one without data.
const comment = ":\n"

// stream is the sink of an event stream. It keeps bytes between pumps, which must not wait, and the goroutine of the
// request, which waits for the peer.
type stream struct {
	end     context.CancelFunc
	filled  chan struct{} // buffered: one element; bytes are pending
	emptied chan struct{} // buffered: one element; the pending bytes were taken

	memory *memory.Budget // where pending bytes are counted, for the owner
	owner  string

	mu      sync.Mutex
	pending []byte
	inHand  int          // bytes that are being written
	level   memory.Level // of both
	shed    bool         // there was no space for a payload: nothing may follow it, and the stream ends
}

func newStream(end context.CancelFunc) *stream {
	s := &stream{
		end:     end,
		pending: []byte(comment), // opens the stream at the client
		filled:  make(chan struct{}, 1), emptied: make(chan struct{}, 1),
	}
	s.filled <- struct{}{}
	return s
}

// TryWrite implements sink. Up to maxWrite bytes, or one larger payload, may be pending.
func (s *stream) TryWrite(payload []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.shed:
		return true
	case len(s.pending) > 0 && len(s.pending)+len(payload) > maxWrite:
		return false
	case s.follow(len(payload)) == nil:
	case len(s.pending) > 0:
		return false
	default: // its client comes back with its cursor
		s.shed = true
		s.end()
		return true
	}
	s.pending = append(s.pending, payload...)
	select {
	case s.filled <- struct{}{}:
	default:
	}
	return true
}

// follow counts the bytes of the stream, with so many more. The caller holds mu.
func (s *stream) follow(more int) error {
	return s.level.To(s.memory, memory.Pending, s.owner, s.inHand+len(s.pending)+more)
}

// close gives back what the stream takes. Nothing is written to it after that.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level.End()
}

// TryWriteRun implements sink: an event stream reads nothing again for its client, which comes back with its cursor.
func (s *stream) TryWriteRun(payload []byte, _ signalr.Run) bool { return s.TryWrite(payload) }

// Wait implements sink. One goroutine at a time may wait.
func (s *stream) Wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		empty := len(s.pending) == 0
		s.mu.Unlock()
		if empty {
			return ctx.Err()
		}
		select {
		case <-s.emptied:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Renew implements sink: the client of a stream that has ended connects again by itself.
func (s *stream) Renew() { s.end() }

// wrote notes that what take has returned is written.
func (s *stream) wrote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inHand = 0
	_ = s.follow(0) // no more than before
}

// take returns the pending bytes and drops the buffer: a quiet stream keeps none.
func (s *stream) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	payload := s.pending
	s.pending, s.inHand = nil, len(s.pending)
	select {
	case s.emptied <- struct{}{}:
	default:
	}
	return payload
}
