package topology

import (
	"context"
	"fmt"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/revocation"
)

// ChangeRevocations reads the record on the broker, and replaces what it says about revoked tokens by what change returns, under the
// lock. The record is left as it is if that is the same. change must not alter what it gets. It blocks while another node has the
// lock.
func (k *Keeper) ChangeRevocations(ctx context.Context, change func(revocation.Summary) revocation.Summary) error {
	err := k.locked(ctx, func(ctx context.Context, _ *link.Session, l *lock) error {
		next := change(l.record.Revoked)
		if next.Equal(l.record.Revoked) {
			return nil
		}
		r := l.record.clone()
		r.Revoked = next
		return k.write(ctx, l, r)
	})
	if err != nil {
		return fmt.Errorf("write revocations into the broker's record: %w", err)
	}
	return nil
}
