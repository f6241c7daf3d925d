package rabbitmq

import (
	"context"

	"restante/internal/revocation"
)

// Revocations returns what the broker's record says about revoked tokens, as this node knows it, and the version of the record; false
// while the record is not known. It does not block.
func (d *Driver) Revocations() (s revocation.Summary, version int64, known bool) {
	r, known := d.keeper.Record()
	return r.Revoked, r.Version, known
}

// ChangeRevocations reads the record on the broker, and replaces what it says about revoked tokens by what change returns. No other
// node changes it meanwhile. It blocks until that is done or ctx is. change must not alter what it gets.
func (d *Driver) ChangeRevocations(ctx context.Context, change func(revocation.Summary) revocation.Summary) error {
	return d.keeper.ChangeRevocations(ctx, change)
}
