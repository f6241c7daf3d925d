package broker_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"restante/internal/broker"
	"restante/internal/broker/driver"
	"restante/internal/broker/inproc"
	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/journey"
	"restante/internal/store"
	"restante/internal/store/sqlite"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainWithoutBinary(m) }

// hearing is a hub that only counts what it is told.
type hearing struct {
	heard chan chat.Message
	began chan struct{}
}

func (h hearing) Resync() { h.began <- struct{}{} }
func (h hearing) Deliver(stored []chat.Message) {
	for _, m := range stored {
		h.heard <- m
	}
}

func eachDriver(t *testing.T, test func(t *testing.T, d driver.Driver)) {
	t.Run("inproc", func(t *testing.T) { test(t, inproc.New(inproc.Config{})) })
	t.Run("rabbitmq", func(t *testing.T) {
		d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: testkit.VHost(t)})
		if err != nil {
			t.Fatal(err)
		}
		test(t, d)
	})
}

func TestBroker_OneTraceFromTheRequestToTheDelivery(t *testing.T) {
	eachDriver(t, func(t *testing.T, d driver.Driver) {
		spans := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
		hub := travel(t, d, provider)
		ctx, request := provider.Tracer("test").Start(t.Context(), "POST /message")
		if err := hub.send(ctx); err != nil {
			t.Fatal(err)
		}
		request.End()
		delivered := hub.next(t)
		hub.end()

		byName := map[string]tracetest.SpanStub{}
		for _, s := range spans.GetSpans() {
			byName[s.Name] = s
			if s.SpanContext.TraceID() != request.SpanContext().TraceID() {
				t.Errorf("%s is part of another trace", s.Name)
			}
		}
		for child, parent := range map[string]string{
			"publish": "POST /message", "persist": "publish", "append": "persist", "deliver": "publish",
		} {
			if got, want := byName[child].Parent.SpanID(), byName[parent].SpanContext.SpanID(); !want.IsValid() || got != want {
				t.Errorf("%s is below the span %s, want that of %s, %s", child, got, parent, want)
			}
		}
		if delivered.Trace == "" || delivered.Seq != 1 {
			t.Errorf("delivered %+v", delivered)
		}
	})
}

func TestBroker_WithoutATracerNothingIsCarried(t *testing.T) {
	eachDriver(t, func(t *testing.T, d driver.Driver) {
		hub := travel(t, d, nil)
		if err := hub.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m := hub.next(t); m.Trace != "" {
			t.Errorf("delivered %+v", m)
		}
		hub.end()
	})
}

// traveller sends messages on their whole way.
type traveller struct {
	hearing
	accept *journey.Accept
	end    func()
}

func (t traveller) send(ctx context.Context) error {
	_, err := t.accept.Accept(ctx, chat.Message{ClientID: "ann", Msg: "hi"})
	return err
}

func (t traveller) next(tb testing.TB) chat.Message {
	tb.Helper()
	select {
	case m := <-t.heard:
		return m
	case <-time.After(20 * time.Second):
		tb.Fatal("nothing was delivered")
		panic("unreachable")
	}
}

// travel puts the journey together on a driver.
func travel(t *testing.T, d driver.Driver, provider *sdktrace.TracerProvider) traveller {
	t.Helper()
	database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var brokerConfig broker.Config
	var storeConfig store.Config
	if provider != nil {
		brokerConfig.Tracer, storeConfig.Tracer = provider, provider
	}
	st, b := store.New(database, storeConfig), broker.New(d, brokerConfig)
	hub := hearing{heard: make(chan chat.Message, 10), began: make(chan struct{}, 10)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = b.Subscribe(ctx, &journey.Deliver{Hub: hub}) }) // its contract: nil
	persist := &journey.Persist{Store: st, Broker: b}
	running.Go(func() { _ = b.Consume(ctx, persist.Persist) })
	end := sync.OnceFunc(func() {
		cancel()
		running.Wait()
		for _, err := range []error{b.Close(), st.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(end)
	<-hub.began
	return traveller{hub, &journey.Accept{Broker: b}, end}
}
