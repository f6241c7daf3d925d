package store

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/chat"
)

// startSpan starts the span of an Append if the batch is traced, and returns the function that ends it.
func (s *Store) startSpan(ctx context.Context, batch []chat.Message) (_ context.Context, end func(error)) {
	if s.tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, func(error) {}
	}
	ctx, span := s.tracer.Start(ctx, "append", trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("db.operation.name", "append"), attribute.Int("db.operation.batch.size", len(batch))))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}
