package signalr

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// servePoll is the server-to-client half of the long polling transport. The first poll opens the connection and is answered
// at once; later ones wait for bytes. A status of 204 tells the client that the connection has ended.
func (s *Server) servePoll(w http.ResponseWriter, r *http.Request, sender Identity) {
	c, first, refused := s.claim(r, sender, LongPolling)
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
		s.open(c, r, q)
		answerOK(w)
		return
	}
	q := s.registry.queue(c)
	if q == nil { // the first poll is being answered
		answerOK(w)
		return
	}
	s.cfg.Forget(r)
	c.present(r.Context(), sender) // a connection that has ended still has its last bytes
	q.polls.Add(1)
	defer func() {
		q.left.Store(s.now())
		q.polls.Add(-1)
	}()
	stream := http.NewResponseController(w)
	_ = stream.SetReadDeadline(time.Time{})
	_ = stream.SetWriteDeadline(time.Time{})
	if superseded, ok := q.supersede(r.Context()); ok {
		s.poll(w, r, q, stream, superseded)
		<-q.polling
	} else if r.Context().Err() == nil {
		w.WriteHeader(http.StatusNoContent)
	}
}

// answerOK begins the answer of a poll that the client repeats.
func answerOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
}

// supersede ends the poll in progress and waits until it has ended, so that one poll at a time takes bytes and they stay in
// order. superseded is closed when a newer poll supersedes this one. ok is false if that happens before this one's turn, or
// if ctx ends.
func (q *queue) supersede(ctx context.Context) (superseded <-chan struct{}, ok bool) {
	mine := make(chan struct{})
	q.mu.Lock()
	if q.newest != nil {
		close(q.newest)
	}
	q.newest = mine
	q.mu.Unlock()
	select {
	case q.polling <- struct{}{}:
		return mine, true
	case <-mine:
	case <-ctx.Done():
	}
	return nil, false
}

// oneByOne reports whether a poll must be answered with one message. signalrcore for Python hands on only the first message of
// an answer, and keeps the others until later polls are answered. Its polls are known by their Accept header.
func oneByOne(r *http.Request) bool { return r.Header.Get("Accept") == "Text" }

// poll answers with the pending bytes as soon as there are some.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, q *queue, stream *http.ResponseController, superseded <-chan struct{}) {
	timeout := time.NewTimer(s.cfg.PollTimeout)
	defer timeout.Stop()
	for {
		if r.Context().Err() != nil {
			return // a poll whose client has disconnected, or ended its side, is empty and takes no bytes
		}
		waiting, done := q.take(oneByOne(r))
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
		case <-superseded:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-timeout.C:
			answerOK(w)
			return
		}
	}
}

// answerPoll writes the answer while the client accepts bytes of it, and puts it back if that fails.
func (s *Server) answerPoll(w http.ResponseWriter, q *queue, stream *http.ResponseController, waiting []byte) {
	q.attach(stream)
	defer q.attach(nil)
	w.Header().Set("Content-Length", strconv.Itoa(len(waiting)))
	answerOK(w)
	if q.send(w, waiting) != nil || stream.Flush() != nil {
		q.wrote(waiting) // all of it: the client discards an incomplete answer
		return
	}
	q.wrote(nil)
	_ = stream.SetWriteDeadline(time.Time{}) // the next request of this connection sets its own
}

// serveDelete ends a long polling connection. Its client has no other way to end it.
func (s *Server) serveDelete(w http.ResponseWriter, r *http.Request, sender Identity) {
	notPolling := &Refusal{Status: http.StatusBadRequest, Text: "Cannot terminate this connection using the DELETE endpoint."}
	c, refused := s.lookup(r, sender, notPolling)
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
