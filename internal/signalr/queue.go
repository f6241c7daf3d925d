package signalr

import (
	"bytes"
	"net/http"
	"sync/atomic"
	"time"
)

// queue is the outlet of the transports that write in answers to requests: Server-Sent Events and long polling. Up to
// queueBound bytes wait in it for the goroutine of such a request.
type queue struct {
	backlog
	c      *Conn
	wake   chan struct{}            // buffered: one element; bytes are pending, or the end has come
	stream *http.ResponseController // of the request that is being answered, to cut it short; nil between requests

	polling chan struct{} // long polling: held by the poll that may take bytes
	inHand  int           // bytes that a request is writing
	shed    bool          // there was no space for a payload: nothing may follow it, and the connection ends
	newest  chan struct{} // closed when a newer poll supersedes the newest; guarded by mu
	polls   atomic.Int32  // requests in progress
	left    atomic.Int64  // when the last of them ended, as Server.now
}

func newQueue(c *Conn) *queue {
	return &queue{backlog: backlog{bound: queueBound}, c: c, wake: make(chan struct{}, 1), polling: make(chan struct{}, 1)}
}

// write implements outlet.
func (q *queue) write(payload []byte, _ Run, force bool) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.ended || q.shed:
		return ended
	case len(payload) == 0:
		return taken
	case len(q.pending) > 0 && len(q.pending)+len(payload) > q.bound && !force:
		return full
	}
	if q.follow(q.c, q.inHand+len(q.pending)+len(payload)) != nil {
		if len(q.pending) > 0 && !force {
			return full
		}
		q.shed = true
		q.c.server.running.Go(func() { q.c.closeWith(causeMemory, closedText, true) })
		return ended
	}
	q.put(payload)
	q.c.sent.Store(q.c.server.now())
	return taken
}

func (q *queue) put(payload []byte) {
	if len(q.pending) == 0 && !q.moving {
		q.since = q.c.server.now()
	}
	q.pending = append(q.pending, payload...)
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns all pending bytes, or with one only those of the first JSON message. The caller writes them and then calls
// wrote. done is true when no more bytes will be accepted.
func (q *queue) take(one bool) (waiting []byte, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, q.pending = q.pending, nil
	if end := bytes.IndexByte(waiting, recordSeparator) + 1; one && end > 0 {
		waiting, q.pending = waiting[:end:end], waiting[end:]
	}
	q.moving, q.inHand = len(waiting) > 0, len(waiting)
	q.spaceFreed()
	return waiting, q.ended
}

// wrote ends what take began. It puts the rest, which could not be written, back for the next poll.
func (q *queue) wrote(rest []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.moving, q.inHand = false, 0
	q.since = q.c.server.now()
	if len(rest) > 0 {
		q.pending = append(rest[:len(rest):len(rest)], q.pending...)
	}
	_ = q.follow(q.c, len(q.pending)) // no more than before
}

// progress notes that the peer has accepted bytes.
func (q *queue) progress() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.since = q.c.server.now()
}

// attach sets the request whose answer is being written; nil is none.
func (q *queue) attach(stream *http.ResponseController) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stream = stream
	if q.stream != nil && q.ended {
		_ = q.stream.SetWriteDeadline(time.Now().Add(closeWait))
	}
}

// finish implements outlet.
func (q *queue) finish(lastBytes []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	q.put(lastBytes)
	q.close(closeWait)
}

// abort implements outlet.
func (q *queue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending = nil
	q.level.End()
	q.close(0)
}

// close accepts nothing more and limits the time of the write in progress. The caller holds mu.
func (q *queue) close(wait time.Duration) {
	q.ended = true
	q.spaceFreed()
	q.signal()
	if q.stream != nil {
		_ = q.stream.SetWriteDeadline(time.Now().Add(wait))
	}
}

// send writes b to the client in pieces, noting progress after each, and returns what could not be written.
func (q *queue) send(w http.ResponseWriter, b []byte) (rest []byte) {
	for len(b) > 0 {
		n, err := w.Write(b[:min(len(b), writeChunk)]) //nolint:gosec // hub messages, and said to be no page
		b = b[n:]
		if err != nil {
			return b
		}
		q.c.server.metrics.written(n)
		q.progress()
	}
	return nil
}
