package broker

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/chat"
)

// tracing makes the spans of the journey. A message carries the context of its publish span (chat.Message.Trace), and with
// it the decision whether it is traced. The later steps make spans only for messages that are traced. A nil tracing makes
// no spans.
type tracing struct{ tracer trace.Tracer }

func newTracing(provider trace.TracerProvider) *tracing {
	if provider == nil {
		return nil
	}
	return &tracing{provider.Tracer("restante/internal/broker")}
}

// The attributes are those of OpenTelemetry's semantic conventions for messaging; a room is a destination.
var system = attribute.String("messaging.system", "restante")

func operation(name, kind string) trace.SpanStartOption {
	return trace.WithAttributes(system,
		attribute.String("messaging.operation.name", name), attribute.String("messaging.operation.type", kind))
}

func identity(m *chat.Message) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.destination.name", m.Room), attribute.String("messaging.message.id", m.ID),
	}
}

func batchSize(n int) trace.SpanStartOption {
	return trace.WithAttributes(attribute.Int("messaging.batch.message_count", n))
}

// ended stands in for the end of a span that was not begun.
func ended(error) {}

func ending(span trace.Span) func(error) {
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// publish begins the span of one message, which is part of the request in ctx or, without one, of the trace that the
// message came with. The message carries it from then on, also when it is not sampled, so that no later step decides anew.
func (t *tracing) publish(ctx context.Context, m *chat.Message) (_ context.Context, end func(error)) {
	if t == nil {
		return ctx, ended
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parse(m.Trace))
	}
	ctx, span := t.tracer.Start(ctx, "publish", trace.WithSpanKind(trace.SpanKindProducer),
		operation("publish", "send"), trace.WithAttributes(identity(m)...))
	m.Trace = traceparent(ctx)
	return ctx, ending(span)
}

// persist begins the span of a batch, with a link to each of its messages that is traced. It is part of the trace of the
// first of them: as the beginning of another trace it would be sampled or not by a decision of its own.
func (t *tracing) persist(ctx context.Context, batch []chat.Message) (_ context.Context, end func(error)) {
	if t == nil {
		return ctx, ended
	}
	var links []trace.Link
	for i := range batch {
		if m := &batch[i]; sampled(m.Trace) {
			links = append(links, trace.Link{SpanContext: parse(m.Trace), Attributes: identity(m)})
		}
	}
	if len(links) == 0 {
		return ctx, ended
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, links[0].SpanContext)
	ctx, span := t.tracer.Start(ctx, "persist", trace.WithSpanKind(trace.SpanKindConsumer),
		operation("persist", "process"), batchSize(len(batch)), trace.WithLinks(links...))
	return ctx, ending(span)
}

// announce begins the span of an announcement within that of its batch.
func (t *tracing) announce(ctx context.Context, n int) (_ context.Context, end func(error)) {
	if t == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, ended
	}
	ctx, span := t.tracer.Start(ctx, "announce", trace.WithSpanKind(trace.SpanKindClient),
		operation("announce", "send"), batchSize(n))
	return ctx, ending(span)
}

// deliver begins a span for each message that is traced.
func (t *tracing) deliver(stored []chat.Message) (spans []trace.Span) {
	if t == nil {
		return nil
	}
	for i := range stored {
		if m := &stored[i]; sampled(m.Trace) {
			ctx := trace.ContextWithRemoteSpanContext(context.Background(), parse(m.Trace))
			_, span := t.tracer.Start(ctx, "deliver", trace.WithSpanKind(trace.SpanKindConsumer), operation("deliver", "process"),
				trace.WithAttributes(identity(m)...), trace.WithAttributes(attribute.Int64("restante.seq", m.Seq)))
			spans = append(spans, span)
		}
	}
	return spans
}

// traceparentLen is the length of a W3C traceparent of version 00: version, trace, span and flags.
const traceparentLen = len("00-00000000000000000000000000000000-0000000000000000-00")

// sampled reports whether a traceparent has the flag of a trace that is recorded, without looking at the rest.
func sampled(parent string) bool {
	if len(parent) != traceparentLen {
		return false
	}
	flags, err := strconv.ParseUint(parent[traceparentLen-2:], 16, 8)
	return err == nil && trace.TraceFlags(flags).IsSampled()
}

// parentKey is the one field in which the trace of a message travels.
const parentKey = "traceparent"

func traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[parentKey]
}

// parse returns what a traceparent says; the result is not valid if that is none.
func parse(parent string) trace.SpanContext {
	if parent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{parentKey: parent})
	return trace.SpanContextFromContext(ctx)
}
