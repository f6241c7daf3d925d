package rabbitmq_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/testkit"
)

// TestDriver_EndsWithoutABroker: a batch in hand that cannot be announced, because the broker is away, does not delay
// the end. It is handled again later.
func TestDriver_EndsWithoutABroker(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(d *rabbitmq.Driver, cancel func(), done <-chan error){
		"Close":   func(d *rabbitmq.Driver, _ func(), _ <-chan error) { _ = d.Close() },
		"context": func(_ *rabbitmq.Driver, cancel func(), done <-chan error) { cancel(); <-done },
	} {
		t.Run(name, func(t *testing.T) {
			node := testkit.RabbitMQ(t).Node(0)
			proxy := testkit.StartProxy(t, node.Addr())
			direct := testkit.VHost(t)
			d := open(t, rabbitmq.Config{URLs: through(direct, node.Addr(), proxy)})
			if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
				t.Fatal(err)
			}
			entered := make(chan struct{})
			enter := sync.OnceFunc(func() { close(entered) })
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				done <- d.Consume(ctx, func(ctx context.Context, _ []chat.Message) (err error) {
					proxy.Refuse(true)
					proxy.Cut()
					enter()
					for err = d.Announce(ctx, []chat.Message{storedMessage("a", 1)}); d.Retryable(err) && ctx.Err() == nil; {
						err = d.Announce(ctx, []chat.Message{storedMessage("a", 1)})
					}
					return err
				})
			}()
			<-entered
			began := time.Now()
			end(d, cancel, done)
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("the end took %v", took)
			}
			l := newLedger(t)
			defer consumeIn(t, open(t, rabbitmq.Config{URLs: direct}), l, "next")()
			l.until("the message", func() bool { return l.last["a"] == 1 })
		})
	}
}
