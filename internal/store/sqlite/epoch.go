package sqlite

import (
	"context"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

var onlyEpoch = chat.Epoch{Store: "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f", ID: "0000000000000000", First: true}

func (d *Driver) RestoreRoom(context.Context, chat.Room) error { return nil }
func (d *Driver) Epoch() (chat.Epoch, error)                   { return onlyEpoch, nil }
func (d *Driver) Epochs(context.Context) ([]driver.Epoch, error) {
	return []driver.Epoch{{ID: onlyEpoch.ID}}, nil
}
func (d *Driver) Beginning(context.Context, string, string) (int64, error) { return 0, nil }
func (d *Driver) RestoreEpochs(context.Context, driver.Lineage) error      { return nil }
func (d *Driver) Lineage(context.Context) (driver.Lineage, error) {
	return driver.Lineage{Store: onlyEpoch.Store}, nil
}
func (d *Driver) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	first := (seq - 1) / driver.PageMessages * driver.PageMessages
	return d.After(ctx, room, first, driver.PageMessages)
}
