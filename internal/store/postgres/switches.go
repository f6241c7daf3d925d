package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

const insertSwitch = "INSERT INTO restante.switches (feature, release, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"

// Switches implements driver.Driver.
func (d *Driver) Switches(ctx context.Context) ([]driver.Switch, error) {
	return reading(ctx, d, "read switches", func(ctx context.Context, _ *term) ([]driver.Switch, error) {
		return readSwitches(ctx, d.pool)
	})
}

func readSwitches(ctx context.Context, q querier) ([]driver.Switch, error) {
	return query(ctx, q, func(row pgx.CollectableRow) (driver.Switch, error) {
		var s driver.Switch
		err := row.Scan(&s.Feature, &s.Release, &s.At)
		s.At = s.At.UTC()
		return s, err
	}, "SELECT feature, release, at FROM restante.switches ORDER BY feature")
}

// SwitchOn implements driver.Driver.
func (d *Driver) SwitchOn(ctx context.Context, f chat.Feature, release string) error {
	return d.write(ctx, "switch on "+string(f), func(ctx context.Context, _ *term, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, insertSwitch, f, release, chat.Micros(d.cfg.Now()))
		return err
	})
}
