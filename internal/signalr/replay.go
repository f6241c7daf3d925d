package signalr

import (
	"context"
	"errors"
)

// Why messages cannot be sent again: errors of Session.Replayable and Session.Replay.
var (
	// ErrRemoved says that the log does not have the messages any more, or has others under their numbers.
	ErrRemoved = errors.New("signalr: the messages have been removed")
	// ErrForbidden says that the client may not read them any more.
	ErrForbidden = errors.New("signalr: the client may not read the messages any more")
)

// replay writes to a new socket what its client may lack, at the pace of the peer, until nothing is left or the socket is
// not the present one any more.
func (r *resumable) replay(ctx context.Context, s *socket) {
	for {
		if written, gone := s.idle(); gone {
			return
		} else if written != nil {
			<-written // closed when the socket ends, too
			continue
		}
		run, ok := r.missing(s)
		if !ok {
			return
		}
		payload, count, err := r.again(ctx, run)
		if err != nil {
			if ctx.Err() == nil {
				r.c.server.log.Debug("messages cannot be sent again", "connection", r.c.id, "error", err)
				r.c.server.metrics.stateful.ended(outcomeOf(err))
				r.c.closeWith(causeServer, closedText, true)
			}
			return
		}
		if !r.repeat(s, payload, count) {
			return
		}
	}
}

// missing returns the next messages that a client which has come back may lack. If there are none, new messages may be
// written again.
func (r *resumable) missing(s *socket) (run Run, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket != s || r.over {
		return Run{}, false
	}
	if run, ok = r.sent.after(r.replayed); !ok {
		r.replaying = false
		r.probe()
		r.stopReplay()
		r.forget()
		r.wake()
	}
	return run, ok
}

// again returns the bytes of the first messages of a run, and their number.
func (r *resumable) again(ctx context.Context, run Run) (payload []byte, count int64, err error) {
	if bytes, ok := run.Log.(kept); ok {
		return []byte(bytes), 1, nil
	}
	defer recovered("replay", &err)
	session := r.c.liveSession()
	if session == nil {
		return nil, 0, ErrClosed
	}
	return session.Replay(ctx, run)
}

// repeat writes messages that follow those that were replayed, and reports whether s is still the present socket.
func (r *resumable) repeat(s *socket, payload []byte, count int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket != s || r.over {
		return false
	}
	s.write(payload, Run{}, true)
	r.replayed += count
	r.forget()
	return true
}
