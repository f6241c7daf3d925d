package rabbitmq

import (
	"context"

	"restante/internal/peer"
)

// Store returns what the broker's record says about the store, as this node knows it, false while the record is not known. It does
// not block.
func (d *Driver) Store() (peer.StoreRecord, bool) {
	r, known := d.keeper.Record()
	return r.Store, known
}

// ChangeStore reads the record on the broker, and replaces what it says about the store by what change returns. No other node
// changes it meanwhile. It returns what the record says then. It blocks until that is done or ctx is. change must not keep or alter
// what it gets.
func (d *Driver) ChangeStore(ctx context.Context, change func(peer.StoreRecord) peer.StoreRecord) (peer.StoreRecord, error) {
	return d.keeper.ChangeStore(ctx, change)
}
