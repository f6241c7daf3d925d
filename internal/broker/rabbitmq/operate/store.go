package operate

import (
	"context"
	"strings"

	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/retry"
)

// Store returns which store the broker belongs to, a zero record if no node has named one yet.
func (b *Broker) Store(ctx context.Context) (peer.StoreRecord, error) {
	r, err := b.record(ctx)
	return r.Store, err
}

// CheckAdopt listens for nodes that consume and work with another store than the given one, or do not say with which. It returns an
// error of class errs.Conflict if there is one: it would go on to hold messages of the broker until it hears of the change.
func (b *Broker) CheckAdopt(ctx context.Context, store string) error {
	alive, err := b.listen()
	if err != nil {
		return err
	}
	if err := retry.Sleep(ctx, listenFor); err != nil {
		return err
	}
	urls := alive.urls(func(n *peer.Node) bool {
		return n.Has(peer.Consumer) && (n.Store == nil || n.Store.ID != store)
	})
	if len(urls) > 0 {
		return &errs.Error{Code: errs.Conflict, Msg: "nodes with another store are consuming: stop them first: " + strings.Join(urls, ", ")}
	}
	return nil
}

// Adopt makes the broker belong to a store that has this mark, if it still belongs to the one that before says.
func (b *Broker) Adopt(ctx context.Context, before peer.StoreRecord, store, mark string) error {
	limited, cancel := context.WithTimeout(ctx, recordTimeLimit)
	defer cancel()
	_, err := topology.ChangeRecord(limited, b.conn, func(r *topology.Record) error {
		if r.Store.ID != before.ID {
			return &errs.Error{Code: errs.Conflict, Msg: "the broker belongs to the store " + r.Store.ID + " now: look again"}
		}
		r.Store = peer.StoreRecord{ID: store, Marks: []string{mark}}
		return nil
	})
	return err
}
