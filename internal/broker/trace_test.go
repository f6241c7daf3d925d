package broker_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

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

// hearing is a hub that only counts what is delivered.
type hearing struct {
	heard chan chat.Message
	began chan struct{}
}

func (h hearing) Listens(string) bool { return true }
func (h hearing) Passed(chat.Message) {}
func (h hearing) Changed(string)      {}
func (h hearing) Resync()             { h.began <- struct{}{} }
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
			"publish": "POST /message", "persist": "publish", "append": "persist", "announce": "persist", "deliver": "publish",
		} {
			if got, want := byName[child].Parent.SpanID(), byName[parent].SpanContext.SpanID(); !want.IsValid() || got != want {
				t.Errorf("%s is below the span %s, want that of %s, %s", child, got, parent, want)
			}
		}
		if delivered.Trace == "" || delivered.Seq != 1 {
			t.Errorf("delivered %+v", delivered)
		}
		for name, kind := range map[string]trace.SpanKind{
			"publish": trace.SpanKindProducer, "persist": trace.SpanKindConsumer, "deliver": trace.SpanKindConsumer,
		} {
			if byName[name].SpanKind != kind {
				t.Errorf("%s is of kind %s, want %s", name, byName[name].SpanKind, kind)
			}
		}
		for _, name := range []string{"publish", "deliver"} {
			if !hasAttributes(byName[name].Attributes, "messaging.message.id", delivered.ID, "messaging.destination.name", "lobby") {
				t.Errorf("%s has %v", name, byName[name].Attributes)
			}
		}
	})
}

func hasAttributes(have []attribute.KeyValue, pairs ...string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if !slices.Contains(have, attribute.String(pairs[i], pairs[i+1])) {
			return false
		}
	}
	return true
}

func TestBroker_AMessageOfAConnectionBeginsATrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	hub := travel(t, inproc.New(inproc.Config{}), sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	if err := hub.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := hub.next(t)
	hub.end()
	for _, s := range spans.GetSpans() {
		if s.Name == "publish" && s.Parent.IsValid() {
			t.Error("publish is below another span")
		}
		if !strings.Contains(m.Trace, s.SpanContext.TraceID().String()) {
			t.Errorf("%s is part of another trace than the message", s.Name)
		}
	}
}

// TestBroker_AMessageStaysInTheTraceItCameWith: other services send messages with a traceparent of their own.
func TestBroker_AMessageStaysInTheTraceItCameWith(t *testing.T) {
	const foreign = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, c := range map[string]struct {
		provider      *sdktrace.TracerProvider
		trace, prefix string
	}{
		"traced":         {sdktrace.NewTracerProvider(), foreign, foreign[:36]},
		"not traced":     {nil, foreign, foreign},
		"nonsense":       {nil, "nonsense", ""},
		"other nonsense": {sdktrace.NewTracerProvider(), strings.Repeat("x", len(foreign)), "00-"},
	} {
		t.Run(name, func(t *testing.T) {
			hub := travel(t, inproc.New(inproc.Config{}), c.provider)
			if _, err := hub.accept.Accept(t.Context(), chat.Message{ClientID: "ann", Msg: "hi", Trace: c.trace}); err != nil {
				t.Fatal(err)
			}
			if m := hub.next(t); !strings.HasPrefix(m.Trace, c.prefix) || c.prefix == "" && m.Trace != "" {
				t.Errorf("it came with %q and went on with %q", c.trace, m.Trace)
			}
		})
	}
}

// TestBroker_WhatIsNotSampledMakesNoSpans: but it carries that decision.
func TestBroker_WhatIsNotSampledMakesNoSpans(t *testing.T) {
	eachDriver(t, func(t *testing.T, d driver.Driver) {
		spans := tracetest.NewInMemoryExporter()
		never := sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample()))
		hub := travel(t, d, sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), never))
		if err := hub.send(t.Context()); err != nil {
			t.Fatal(err)
		}
		if m := hub.next(t); !strings.HasSuffix(m.Trace, "-00") {
			t.Errorf("delivered %+v", m)
		}
		hub.end()
		if n := len(spans.GetSpans()); n > 0 {
			t.Errorf("%d spans", n)
		}
	})
}

// batches is a driver with one batch for its consumer.
type batches struct {
	driver.Driver
	batch []chat.Message
	err   error // what the consumer has returned
}

func (b *batches) Consume(ctx context.Context, handle driver.Handler) error {
	b.err = handle(ctx, b.batch)
	return nil
}

func TestBroker_TheSpanOfABatchIsLinkedToItsMessages(t *testing.T) {
	const first, second, unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01", "00-2af7651916cd43dd8448eb211c80319c-d7ad6b7169203331-00"
	spans := tracetest.NewInMemoryExporter()
	d := &batches{batch: []chat.Message{
		{ID: "a", Room: "x"}, {ID: "b", Room: "x", Trace: unsampled}, {ID: "c", Room: "y", Trace: first}, {ID: "d", Room: "x", Trace: second},
	}}
	b := broker.New(d, broker.Config{Tracer: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))})
	failure := errors.New("the disk is full")
	if err := b.Consume(t.Context(), func(context.Context, []chat.Message) error { return failure }); err != nil || !errors.Is(d.err, failure) {
		t.Fatal(err, d.err)
	}
	got := spans.GetSpans()
	if len(got) != 1 || got[0].Name != "persist" || got[0].Status.Code != codes.Error || len(got[0].Links) != 2 {
		t.Fatalf("spans %+v", got)
	}
	if parent := got[0].Parent; parent.TraceID().String() != first[3:35] || parent.SpanID().String() != first[36:52] {
		t.Errorf("it is below %v, want the first message that is traced", parent)
	}
	for i, want := range []struct{ id, room, trace string }{{"c", "y", first}, {"d", "x", second}} {
		link := got[0].Links[i]
		if link.SpanContext.TraceID().String() != want.trace[3:35] ||
			!hasAttributes(link.Attributes, "messaging.message.id", want.id, "messaging.destination.name", want.room) {
			t.Errorf("link %d is %+v, want that of %s", i, link, want.id)
		}
	}
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
