package broker

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/broker/driver"
	"restante/internal/chat"
)

// tracing makes the spans of the journey. The nil one makes none.
type tracing struct{ tracer trace.Tracer }

func newTracing(provider trace.TracerProvider) *tracing {
	if provider == nil {
		return nil
	}
	return &tracing{provider.Tracer("restante/internal/broker")}
}

// publish begins the span of one message, which is part of the request in ctx or, without one, of the trace that the
// message came with. The message carries it from then on.
func (t *tracing) publish(ctx context.Context, m *chat.Message) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = remote(ctx, m.Trace)
	}
	ctx, span := t.tracer.Start(ctx, "publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "restante"), attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.destination.name", m.Room), attribute.String("messaging.message.id", m.ID)))
	m.Trace = traceparent(ctx)
	return ctx, func(err error) { end(span, err) }
}

// persist begins the span of a batch. It is part of the trace of its message if there is only one, and otherwise a
// trace of its own with a link to each.
func (t *tracing) persist(ctx context.Context, batch []chat.Message) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "restante"), attribute.String("messaging.operation.type", "process"),
		attribute.Int("messaging.batch.message_count", len(batch)))}
	if len(batch) == 1 {
		ctx = remote(ctx, batch[0].Trace)
	} else {
		options = append(options, trace.WithLinks(links(batch)...))
	}
	ctx, span := t.tracer.Start(ctx, "persist", options...)
	return ctx, func(err error) { end(span, err) }
}

func links(batch []chat.Message) (links []trace.Link) {
	for i := range batch {
		if sc := trace.SpanContextFromContext(remote(context.Background(), batch[i].Trace)); sc.IsValid() {
			links = append(links, trace.Link{SpanContext: sc})
		}
	}
	return links
}

// subscriber returns s with a span around the delivery of each message that is traced.
func (t *tracing) subscriber(s driver.Subscriber) driver.Subscriber {
	if t == nil {
		return s
	}
	return tracedSubscriber{s, t.tracer}
}

type tracedSubscriber struct {
	driver.Subscriber
	tracer trace.Tracer
}

// Deliver implements driver.Subscriber.
func (s tracedSubscriber) Deliver(stored []chat.Message) {
	for i := range stored {
		if m := &stored[i]; m.Trace != "" {
			_, span := s.tracer.Start(remote(context.Background(), m.Trace), "deliver", trace.WithSpanKind(trace.SpanKindConsumer),
				trace.WithAttributes(attribute.String("messaging.system", "restante"), attribute.String("messaging.destination.name", m.Room),
					attribute.String("messaging.message.id", m.ID), attribute.Int64("restante.seq", m.Seq)))
			defer span.End()
		}
	}
	s.Subscriber.Deliver(stored)
}

func end(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// parentKey is the one field in which the trace of a message travels.
const parentKey = "traceparent"

func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[parentKey]
}

// remote returns ctx as part of a trace that came with a message; what is not a traceparent is ignored.
func remote(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{parentKey: parent})
}
