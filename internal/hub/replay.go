package hub

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"restante/internal/auth"
	"restante/internal/retry"
	"restante/internal/signalr"
)

// runOf names messages of a room that are written to a connection.
func runOf(r *room, from, upto int64) signalr.Run {
	return signalr.Run{Log: r, First: from, Count: upto - from + 1}
}

// Replayable implements signalr.Session: what was written of the rooms must still be there, and both the token of ctx and the newest
// one of the connection must allow to read it.
func (s *session) Replayable(ctx context.Context, runs []signalr.Run) error {
	if s.conn.isClosed() {
		return signalr.ErrRemoved // the store is in another epoch
	}
	oldest := make(map[*room]int64)
	for _, run := range runs {
		r, ok := run.Log.(*room)
		if !ok {
			return signalr.ErrRemoved
		}
		if first, seen := oldest[r]; !seen || run.First < first {
			oldest[r] = run.First
		}
	}
	for r, first := range oldest {
		if auth.Require(ctx, r.name) != nil || s.conn.stillReads(r.name) != nil {
			return signalr.ErrForbidden
		}
		if _, ok := r.tail.Load().find(s.conn.enc, first); ok {
			continue
		}
		known, err := s.hub.look(ctx, r)
		switch {
		case errors.Is(err, errTurning), err == nil && first < known.Oldest():
			return signalr.ErrRemoved
		case err != nil: // the store does not answer; Replay waits for it
			s.hub.cfg.Log.DebugContext(ctx, "a reader comes back while the store is away", slog.Any("error", err))
		}
	}
	return nil
}

// Replay implements signalr.Session: it reads messages as a reader that is behind does.
func (s *session) Replay(ctx context.Context, run signalr.Run) (payload []byte, count int64, err error) {
	r, ok := run.Log.(*room)
	if !ok {
		return nil, 0, signalr.ErrRemoved
	}
	pauses := retry.NewBackoff(50*time.Millisecond, 5*time.Second)
	for {
		found, reset, err := s.conn.find(ctx, r, run.First)
		switch {
		case s.conn.stillReads(r.name) != nil:
			return nil, 0, signalr.ErrForbidden
		case err == nil && reset != nil:
			return nil, 0, signalr.ErrRemoved
		case err == nil:
			payload, upto := found.upTo(run.First + run.Count - 1).from(run.First)
			return payload, upto - run.First + 1, nil
		}
		if ctx.Err() == nil {
			s.hub.cfg.Log.WarnContext(ctx, "a reader waits for the store", slog.Any("error", err))
		}
		if err := pauses.Wait(ctx); err != nil {
			return nil, 0, err
		}
	}
}
