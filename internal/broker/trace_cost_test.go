package broker

import (
	"context"
	"fmt"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/broker/driver"
	"restante/internal/chat"
)

func TestTracing_CostsNothingWhenNotTraced(t *testing.T) {
	ctx := t.Context()
	notSampled := newTracing(sdktrace.NewTracerProvider())
	for name, c := range map[string]struct {
		tracing *tracing
		trace   string
	}{
		"no tracer":     {nil, ""},
		"not sampled":   {notSampled, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"},
		"without trace": {notSampled, ""},
	} {
		batch := []chat.Message{{Trace: c.trace}, {Trace: c.trace}}
		allocs := testing.AllocsPerRun(100, func() {
			if c.tracing == nil {
				_, end := c.tracing.publish(ctx, &batch[0])
				end(nil)
			}
			persistCtx, end := c.tracing.persist(ctx, batch)
			_, endAnnounce := c.tracing.announce(persistCtx, len(batch))
			endAnnounce(nil)
			end(nil)
			c.tracing.deliver(batch)
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestSampled_ReadsTheFlagOfATraceparent(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
	for text, want := range map[string]bool{
		parent + "01": true, parent + "03": true, parent + "00": false, parent + "02": false, parent + "zz": false,
		parent + "1": false, parent + "01-more": false, "": false, strings.Repeat("é", 27) + "1": false,
	} {
		if got := sampled(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// nowhere is a driver that accepts every message at once.
type nowhere struct{ driver.Driver }

func (nowhere) Publish(context.Context, chat.Message) error { return nil }
func (nowhere) Retryable(error) bool                        { return false }

func BenchmarkPublish(b *testing.B) {
	for name, provider := range map[string]trace.TracerProvider{
		"off":     nil,
		"dropped": sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		"sampled": sdktrace.NewTracerProvider(),
	} {
		b.Run(name, func(b *testing.B) {
			broker := New(nowhere{}, Config{Tracer: provider})
			m := chat.Message{ID: fmt.Sprintf("%036d", 1), Room: "lobby", Msg: "hi"}
			b.ReportAllocs()
			for b.Loop() {
				if err := broker.Publish(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
