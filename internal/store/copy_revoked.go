package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/revocation"
)

// revocations revokes in the target what is revoked in the source. Revoking again changes nothing, so it can be done again.
func (c *Copy) revocations(ctx context.Context) error {
	all, err := allRevocations(ctx, c.From)
	if err != nil {
		return fmt.Errorf("read the revocations of the source: %w", err)
	}
	for entries := range slices.Chunk(slices.Collect(maps.Values(all)), chat.MaxPage) {
		if err := c.To.Revoke(ctx, entries); err != nil {
			return fmt.Errorf("copy the revocations: %w", err)
		}
	}
	return nil
}

// sameRevocations returns an error of class errs.Conflict if a token is revoked in the source and not in the target.
func (c *Copy) sameRevocations(ctx context.Context) error {
	target, err := allRevocations(ctx, c.To)
	if err != nil {
		return fmt.Errorf("read the revocations of the target: %w", err)
	}
	source, err := allRevocations(ctx, c.From)
	if err != nil {
		return fmt.Errorf("read the revocations of the source: %w", err)
	}
	for key, e := range source {
		if time.Now().Before(e.Until) && !target[key].Covers(e) {
			return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("a revocation of a %s is not in the target", key.Kind)}
		}
	}
	return nil
}

// allRevocations reads the whole list of a store.
func allRevocations(ctx context.Context, s *Store) (map[revocation.Key]revocation.Entry, error) {
	all := map[revocation.Key]revocation.Entry{}
	for after := int64(0); ; {
		page, err := s.Revocations(ctx, after, chat.MaxPage)
		if err != nil || len(page) == 0 {
			return all, err
		}
		for i := range page {
			all[page[i].Key], after = page[i].Entry, page[i].Number
		}
	}
}
