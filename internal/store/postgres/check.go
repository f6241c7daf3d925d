package postgres

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgtype"
)

// probes is how many names the probes of one driver use, in turn. A name is used again after so many seconds at least: by
// then the server has ended a probe whose connection was lost. Names that are used again let the indexes reuse their space.
const probes = 16

// prober makes probes for driver.Health.
type prober struct {
	node [16]byte // random
	next atomic.Uint64
}

func newProber() *prober {
	p := &prober{}
	_, _ = crand.Read(p.node[:]) // never fails
	return p
}

// Check implements driver.Driver.
func (d *Driver) Check(ctx context.Context) error {
	t, err := d.begin(ctx)
	if err != nil {
		return err
	}
	d.end(t) // a probe is a call of its own
	if err := d.health.Check(ctx); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// probe appends a message of so many bytes to a room that no client can have, and rolls that back.
func (d *Driver) probe(ctx context.Context, size int) error {
	t, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer d.end(t)
	id := d.prober.node
	id[15] = byte(d.prober.next.Add(1) % probes)
	msg := make([]byte, size+1) // random, so that the database cannot compress it
	_, _ = crand.Read(msg)
	partition := -1 - int32(binary.BigEndian.Uint32(id[12:])>>1)
	return d.attempt(ctx, t, func(ctx context.Context) error {
		_, err := d.pool.Exec(ctx, "SELECT restante.probe_append($1, $2, $3, $4, $5)", t.epoch.ID,
			fmt.Sprintf("\x01probe %x", id), pgtype.UUID{Bytes: id, Valid: true}, msg, partition)
		return err
	})
}
