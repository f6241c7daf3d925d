package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
)

type publisherFunc func(context.Context, chat.Message) error

func (f publisherFunc) Publish(ctx context.Context, m chat.Message) error { return f(ctx, m) }

func TestGate_ShutWaitsForWhatIsInsideAndRefusesWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		confirm := make(chan error)
		g := &gate{next: &journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return <-confirm })}}
		m := chat.Message{ClientID: "ann", Msg: "hi"}
		if err := g.check(t.Context()); err != nil {
			t.Error("open, but not ready:", err)
		}
		accepted, shut := make(chan error, 1), make(chan error, 1)
		go func() { _, err := g.Accept(t.Context(), m); accepted <- err }()
		synctest.Wait()
		go func() { shut <- g.shut(t.Context()) }()
		synctest.Wait()

		if _, err := g.Accept(t.Context(), m); errs.CodeOf(err) != errs.Unavailable {
			t.Error("a message that came after the gate was shut:", err)
		}
		if err := g.check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
			t.Error("shut, but ready:", err)
		}
		if len(shut) > 0 {
			t.Error("shut did not wait for the message inside")
		}
		confirm <- nil
		if err := errors.Join(<-accepted, <-shut); err != nil {
			t.Error(err)
		}
	})
}

func TestGate_ShutGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		confirm := make(chan error)
		g := &gate{next: &journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return <-confirm })}}
		go func() { _, _ = g.Accept(t.Context(), chat.Message{ClientID: "ann", Msg: "hi"}) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.shut(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(confirm)
	})
}

func TestServer_StopGoesBackwardsAndNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{log: slog.New(slog.DiscardHandler), failed: make(chan error, 1)}
		var order []string
		stuck := make(chan struct{})
		s.started("first", func(context.Context) error { order = append(order, "first"); return errors.New("broken") })
		s.started("second", func(context.Context) error { <-stuck; return nil })
		s.started("third", func(context.Context) error { order = append(order, "third"); return nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.Stop(ctx)
		close(stuck)
		synctest.Wait()
		if err == nil || !strings.Contains(err.Error(), "stop second: not done in time") {
			t.Error("the part that hangs is not named:", err)
		}
		if !strings.Contains(err.Error(), "stop first: broken") || len(order) != 2 || order[0] != "third" {
			t.Error("the others were not stopped, or not backwards:", order, err)
		}
	})
}

func TestServer_APartThatEndsByItselfIsAFailure(t *testing.T) {
	s := &Server{log: slog.New(slog.DiscardHandler), failed: make(chan error, 1)}
	s.background(t.Context(), "persist", func(context.Context) error { return errors.New("broken") })
	if err := <-s.Failed(); !strings.Contains(err.Error(), "persist has ended: broken") {
		t.Error(err)
	}
	s.background(t.Context(), "deliver", func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if len(s.failed) > 0 {
		t.Error("a part that was stopped counts as failed:", <-s.failed)
	}
}
