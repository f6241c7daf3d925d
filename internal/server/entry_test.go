package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
	"restante/internal/limit"
)

type publisherFunc func(context.Context, chat.Message) error

func (f publisherFunc) Publish(ctx context.Context, m chat.Message) error { return f(ctx, m) }

// TestEntry_RefusesFromTheOutsideIn closes one link after the other, from the inside out: the outermost that refuses
// decides, and the links behind it see nothing of the message.
func TestEntry_RefusesFromTheOutsideIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		published := 0
		broker := publisherFunc(func(context.Context, chat.Message) error { published++; return nil })
		e := newEntry(limit.New(limit.Config{Sends: 1}), nil, broker)
		ctx := auth.With(t.Context(), &auth.Client{ID: "ann", Rooms: auth.Rooms{"lobby"}, Publish: true})
		send := func(accept journey.Accepter, m chat.Message, want errs.Code) {
			t.Helper()
			if _, err := accept.Accept(ctx, m); errs.CodeOf(err) != want {
				t.Errorf("%+v: %v, want %q", m, err, want)
			}
		}
		good, bad := chat.Message{Room: "lobby", ClientID: "ann", Msg: "hi"}, chat.Message{Room: "lobby", ClientID: "ann"}
		send(e.services, good, "")
		send(e.clients, good, "")
		send(e.clients, bad, errs.Invalid)
		if err := e.gate.close(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second) // fake time: the rate allows two messages again
		send(e.services, bad, errs.Unavailable)
		send(e.clients, bad, errs.Unavailable)
		send(e.clients, bad, errs.Unavailable)
		send(e.clients, bad, errs.RateLimited)
		send(e.clients, chat.Message{Room: "other", ClientID: "ann"}, errs.Forbidden)
		if published != 2 {
			t.Errorf("%d messages were published, want 2", published)
		}
	})
}

func TestGate_CloseWaitsForMessagesInProgressAndRefusesNewOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		confirm := make(chan error)
		g := newGate()
		accept := g.Admit(&journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return <-confirm })})
		m := chat.Message{ClientID: "ann", Msg: "hi"}
		if err := g.check(t.Context()); err != nil {
			t.Error("open, but not ready:", err)
		}
		accepted, closed := make(chan error, 1), make(chan error, 1)
		go func() { _, err := accept.Accept(t.Context(), m); accepted <- err }()
		synctest.Wait()
		go func() { closed <- g.close(t.Context()) }()
		synctest.Wait()

		if _, err := accept.Accept(t.Context(), m); errs.CodeOf(err) != errs.Unavailable {
			t.Error("a message that came after the gate was closed:", err)
		}
		if err := g.check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
			t.Error("closed, but ready:", err)
		}
		if len(closed) > 0 {
			t.Error("close did not wait for the message in progress")
		}
		confirm <- nil
		if err := errors.Join(<-accepted, <-closed); err != nil {
			t.Error(err)
		}
	})
}

func TestGate_CloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		confirm := make(chan error)
		g := newGate()
		accept := g.Admit(&journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return <-confirm })})
		go func() { _, _ = accept.Accept(t.Context(), chat.Message{ClientID: "ann", Msg: "hi"}) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(confirm)
	})
}

// TestEntry_AcceptsInATimeOfItsOwn: the sender has gone, and its message is accepted all the same, by either way in.
func TestEntry_AcceptsInATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		broker := publisherFunc(func(ctx context.Context, _ chat.Message) error {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != acceptTimeout || ctx.Value(key{}) != 1 {
				t.Errorf("the broker has %v (%v), want %v and the values of the request", time.Until(deadline), ok, acceptTimeout)
			}
			return ctx.Err()
		})
		e := newEntry(limit.New(limit.Config{}), nil, broker)
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, 1))
		cancel()
		ctx = auth.With(ctx, &auth.Client{ID: "ann", Rooms: auth.Rooms{"lobby"}, Publish: true})
		for _, accept := range []journey.Accepter{e.clients, e.services} {
			if _, err := accept.Accept(ctx, chat.Message{Room: "lobby", ClientID: "ann", Msg: "hi"}); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestEntry_AnEndlessAcceptEnds: after its time, and when a stop has waited long enough. Both leave the outcome open.
func TestEntry_AnEndlessAcceptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := publisherFunc(func(ctx context.Context, _ chat.Message) error { <-ctx.Done(); return ctx.Err() })
		e := newEntry(limit.New(limit.Config{}), nil, broker)
		send := func() (took time.Duration) {
			start := time.Now()
			if _, err := e.services.Accept(t.Context(), chat.Message{ClientID: "ann", Msg: "hi"}); !errs.IsUnknown(err) {
				t.Errorf("the outcome counts as known: %v", err)
			}
			return time.Since(start)
		}
		if took := send(); took != acceptTimeout {
			t.Errorf("it took %v, want %v", took, acceptTimeout)
		}
		took := make(chan time.Duration, 1)
		go func() { took <- send() }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.gate.close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := <-took; took != time.Second {
			t.Errorf("it ended after %v, want when the stop has given up, after a second", took)
		}
		if _, err := e.services.Accept(t.Context(), chat.Message{ClientID: "ann", Msg: "hi"}); errs.IsUnknown(err) {
			t.Errorf("refused before anything was done, and the outcome counts as unknown: %v", err)
		}
	})
}
