package signalr

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// servePoll is the receiving half of the long polling transport. The first poll opens the connection and is answered at
// once; later ones wait for bytes. A status of 204 tells the client that the connection has ended.
func (s *Server) servePoll(w http.ResponseWriter, r *http.Request, who Identity) {
	c, first, refused := s.claim(r, who, LongPolling)
	if refused != nil {
		refused.write(w)
		return
	}
	h := w.Header()
	h.Set("Pragma", "no-cache")
	h.Set("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
	if first {
		q := newQueue(c)
		q.left.Store(s.now())
		s.open(c, r, q, &q.backlog)
		w.WriteHeader(http.StatusOK)
		return
	}
	q := s.registry.queue(c)
	if q == nil { // the first poll is just being answered
		w.WriteHeader(http.StatusOK)
		return
	}
	q.polls.Add(1)
	defer func() {
		q.left.Store(s.now())
		q.polls.Add(-1)
	}()
	stream := http.NewResponseController(w)
	_ = stream.SetReadDeadline(time.Time{})
	_ = stream.SetWriteDeadline(time.Time{})
	if away, ok := q.sit(r.Context()); ok {
		s.poll(w, r, q, stream, away)
		<-q.seat
	} else if r.Context().Err() == nil {
		w.WriteHeader(http.StatusNoContent)
	}
}

// sit sends the present poll away and takes its place when it has gone, so that bytes are taken by one poll at a time
// and stay in order. ok is false when ctx is done or a newer poll came meanwhile.
func (q *queue) sit(ctx context.Context) (away <-chan struct{}, ok bool) {
	mine := make(chan struct{})
	q.mu.Lock()
	if q.present != nil {
		close(q.present)
	}
	q.present = mine
	q.mu.Unlock()
	select {
	case q.seat <- struct{}{}:
		return mine, true
	case <-mine:
	case <-ctx.Done():
	}
	return nil, false
}

// poll answers with all that waits, as soon as something does.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, q *queue, stream *http.ResponseController, away <-chan struct{}) {
	timeout := time.NewTimer(s.cfg.PollTimeout)
	defer timeout.Stop()
	for {
		if r.Context().Err() != nil {
			return // a poll that was given up swallows nothing
		}
		waiting, done := q.take()
		switch {
		case len(waiting) > 0:
			s.answerPoll(w, q, stream, waiting)
			return
		case done:
			q.c.finished()
			w.WriteHeader(http.StatusNoContent)
			return
		}
		select {
		case <-q.wake:
		case <-r.Context().Done():
		case <-away:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-timeout.C:
			w.WriteHeader(http.StatusOK)
			return
		}
	}
}

// answerPoll writes the answer, for as long as the client takes something of it, and puts it back if that fails.
func (s *Server) answerPoll(w http.ResponseWriter, q *queue, stream *http.ResponseController, waiting []byte) {
	q.attach(stream)
	defer q.attach(nil)
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(waiting)))
	w.WriteHeader(http.StatusOK)
	if q.send(w, waiting) != nil || stream.Flush() != nil {
		q.wrote(waiting) // all of it: half an answer is worth nothing to the client
		return
	}
	q.wrote(nil)
	_ = stream.SetWriteDeadline(time.Time{}) // the next request on this connection has its own
}

// serveDelete ends a long polling connection, which has no other way to be hung up.
func (s *Server) serveDelete(w http.ResponseWriter, r *http.Request, who Identity) {
	notPolling := &Refusal{Status: http.StatusBadRequest, Text: "Cannot terminate this connection using the DELETE endpoint."}
	c, refused := s.lookup(r, who, notPolling)
	if refused != nil {
		refused.write(w)
		return
	}
	if s.registry.queue(c) == nil || c.transport != LongPolling {
		notPolling.write(w)
		return
	}
	c.drop(causeClient)
	c.finished()
	w.WriteHeader(http.StatusAccepted)
}
