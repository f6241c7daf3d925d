package topology

import (
	"context"
	"fmt"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/peer"
)

// ChangeStore reads the record on the broker, and replaces what it says about the store by what change returns, under the lock. The
// record is left as it is if that is the same. change must not keep or alter what it gets. It returns what the record says then. It
// blocks while another node has the lock.
func (k *Keeper) ChangeStore(ctx context.Context, change func(peer.StoreRecord) peer.StoreRecord) (peer.StoreRecord, error) {
	var store peer.StoreRecord
	err := k.locked(ctx, func(ctx context.Context, _ *link.Session, l *lock) error {
		if store = change(l.record.Store); store.Equal(l.record.Store) {
			return nil
		}
		r := l.record.clone()
		r.Store = store
		return k.write(ctx, l, r)
	})
	if err != nil {
		return store, fmt.Errorf("change the store of the broker's record: %w", err)
	}
	return store, nil
}
