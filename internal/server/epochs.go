package server

import (
	"context"
	"fmt"

	"restante/internal/chat"
	"restante/internal/epoch"
	"restante/internal/errs"
	"restante/internal/journey"
	"restante/internal/lifecycle"
)

// What this file connects is for many machines: a node that has a judge remembers what it stores and delivers, takes no messages
// while the broker belongs to another store, and tells its readers when the epoch of the store changes. On one machine the epoch is
// the one that the store was opened with, and there is no judge.

// judgeStore refuses to start with a database that was reached and is not the broker's. It is stopped after everything that stores.
func (s *Server) judgeStore(ctx context.Context) (lifecycle.Stop, error) {
	if err := s.judge.First(ctx); err != nil {
		return nil, fmt.Errorf("--store, --broker: %w", err)
	}
	return func(ctx context.Context) error {
		ctx, cancel := share(ctx, 0.5) // the rest is for the store and the broker
		defer cancel()
		s.judge.Leave(ctx, s.database)
		return nil
	}, nil
}

func (s *Server) watchStore(ctx context.Context) error { return s.judge.Run(ctx, s.database) }

// look returns what a hub calls when it hears of another epoch than its own, nil on one machine.
func (s *Server) look() func() {
	if s.judge == nil {
		return nil
	}
	return s.database.Look
}

// whileOurs calls run as long as the broker's store is the one of this node; with known only once the store was reached.
func (s *Server) whileOurs(ctx context.Context, known bool, run func(context.Context) error) error {
	if s.judge == nil {
		return run(ctx)
	}
	return s.judge.While(ctx, known, run)
}

// ours returns the link of a chain that refuses messages while the broker belongs to another store. Without a judge it is next.
func ours(judge *epoch.Judge, next journey.Accepter) journey.Accepter {
	if judge == nil {
		return next
	}
	return owned{judge, next}
}

type owned struct {
	judge *epoch.Judge
	next  journey.Accepter
}

// Accept implements journey.Accepter.
func (o owned) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	if err := o.judge.Check(); err != nil {
		return m, errs.Undone(errs.Wrap(errs.Unavailable, err, "this node takes no messages, because its database is not the one of the broker"))
	}
	return o.next.Accept(ctx, m)
}

// remembered is a store whose judge remembers what is appended.
type remembered struct {
	journey.Appender
	judge *epoch.Judge
}

// Append implements journey.Appender.
func (r remembered) Append(ctx context.Context, batch []chat.Message) (chat.Appended, error) {
	done, err := r.Appender.Append(ctx, batch)
	if err == nil && r.judge != nil {
		r.judge.Stored(done.Messages)
	}
	return done, err
}

// heard is a hub whose judge remembers what is delivered.
type heard struct {
	journey.Deliverer
	judge *epoch.Judge
}

// Deliver implements journey.Deliverer.
func (h heard) Deliver(stored []chat.Message) {
	if h.judge != nil {
		h.judge.Delivered(stored)
	}
	h.Deliverer.Deliver(stored)
}

// Passed implements journey.Deliverer.
func (h heard) Passed(m chat.Message) {
	if h.judge != nil {
		h.judge.Delivered([]chat.Message{m})
	}
	h.Deliverer.Passed(m)
}
