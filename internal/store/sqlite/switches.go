package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

const (
	selectSwitches = "SELECT feature, release, at FROM switches ORDER BY feature"
	insertSwitch   = "INSERT INTO switches (feature, release, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
)

// Switches implements driver.Driver.
func (d *Driver) Switches(ctx context.Context) ([]driver.Switch, error) {
	return reading(ctx, d, "read switches", func() ([]driver.Switch, error) {
		rows, err := d.reads.switches.QueryContext(ctx)
		if err != nil {
			return nil, err
		}
		return scanSwitches(rows)
	})
}

// scanSwitches reads the rows and closes them.
func scanSwitches(rows *sql.Rows) (on []driver.Switch, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s driver.Switch
		var at int64
		if err := rows.Scan(&s.Feature, &s.Release, &at); err != nil {
			return nil, err
		}
		s.At = micros(at)
		on = append(on, s)
	}
	return on, rows.Err()
}

// SwitchOn implements driver.Driver.
func (d *Driver) SwitchOn(ctx context.Context, f chat.Feature, release string) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	r := newRequest((*writer).switchOn)
	r.on = &driver.Switch{Feature: f, Release: release}
	if err := d.writer.do(ctx, r); err != nil {
		return fmt.Errorf("switch on %s: %w", f, err)
	}
	return nil
}

// switchOn writes the switch of one request.
func (w *writer) switchOn(ctx context.Context, r *request, now int64) error {
	if _, err := w.tx.switchOn.ExecContext(ctx, r.on.Feature, r.on.Release, now); err != nil {
		return fmt.Errorf("write switch: %w", err)
	}
	return nil
}
