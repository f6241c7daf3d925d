package topology

import (
	"context"
	"fmt"
	"strings"
)

// RabbitMQ 4.3 may list a binding and not use it: one that was made in the moment in which its exchange was deleted, after the
// exchange was made again. To bind again changes nothing then, so such a binding is removed before it is made. Nobody can see it, so
// this is done for all bindings of an exchange that this node makes again, and for those that a message which came back has needed.
// Between the two calls a message finds no queue. It finds none without them either, and RabbitMQ keeps the dead letters of its
// quorum queues until they find one.

// makeExchange makes an exchange that does not exist. The bindings of one that was deleted are made anew by the next pass under
// the lock. It is called by the one whose turn it is.
func (k *Keeper) makeExchange(ctx context.Context, c *caller, e exchange) error {
	if k.compared {
		if exists, err := c.hasExchange(e); err != nil || exists {
			return err
		}
		k.noteMissing(ctx, "exchange "+e.name)
		k.mu.Lock()
		k.remade[e.name] = true
		k.mu.Unlock()
	}
	return c.declareExchange(e)
}

// isRemade reports whether an exchange was made again, and its bindings were not made anew since then.
func (k *Keeper) isRemade(exchange string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.remade[exchange]
}

// hasRemade reports whether there is such an exchange.
func (k *Keeper) hasRemade() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.remade) > 0
}

// forgetRemade notes that all bindings were made anew.
func (k *Keeper) forgetRemade() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.remade)
}

// isDoubtful reports whether a binding may be listed and not used.
func (m *mending) isDoubtful(b binding) bool {
	if m.k.isRemade(b.exchange) {
		return true
	}
	came := fmt.Sprintf("exchange %q, key ", b.exchange)
	if b.key != "#" {
		came += fmt.Sprintf("%q", b.key)
	}
	return strings.Contains(m.report, came)
}
