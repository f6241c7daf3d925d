package signalr

import (
	"bytes"
	"net/http"
	"time"
)

// serveEvents is the server-to-client half of the Server-Sent Events transport: it answers until the connection ends or the
// client disconnects. Several messages that are pending together are one event.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request, sender Identity) {
	c, _, refused := s.claim(r, sender, ServerSentEvents)
	if refused != nil {
		refused.write(w)
		return
	}
	q := newQueue(c)
	stream := http.NewResponseController(w)
	_ = stream.SetReadDeadline(time.Time{})  // the server's limits for requests
	_ = stream.SetWriteDeadline(time.Time{}) // are too short for a stream
	s.open(c, r, q)
	s.cfg.Forget(r)
	q.attach(stream)
	defer func() {
		q.attach(nil)
		c.drop(causeGone)
		c.finished()
	}()

	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Content-Encoding", "identity")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write([]byte(":\r\n")); err != nil || stream.Flush() != nil {
		return
	}
	s.stream(w, r, q, stream)
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, q *queue, stream *http.ResponseController) {
	var event []byte
	for {
		waiting, done := q.take(false)
		if len(waiting) > 0 {
			event = appendEvent(event[:0], waiting)
			failed := q.send(w, event) != nil || stream.Flush() != nil
			q.wrote(nil)
			if failed {
				return
			}
			if cap(event) > writeChunk {
				event = nil // an idle stream keeps no large buffer
			}
			continue
		}
		if done {
			return
		}
		select {
		case <-q.wake:
		case <-r.Context().Done():
			return
		}
	}
}

// appendEvent frames payload as one event. Messages have line breaks only if a caller has formatted its arguments with
// them, between tokens, where any white space means the same.
func appendEvent(dst, payload []byte) []byte {
	dst = append(dst, "data: "...)
	for {
		i := bytes.IndexAny(payload, "\r\n")
		if i < 0 {
			break
		}
		dst = append(dst, payload[:i]...)
		dst = append(dst, "\r\ndata: "...)
		payload = payload[i+1:]
	}
	dst = append(dst, payload...)
	return append(dst, "\r\n\r\n"...)
}
