package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// limited is a driver that fails for good after some calls of Restore and RestoreRoom.
type limited struct {
	driver.Driver
	left atomic.Int64
}

func (d *limited) spend() error {
	if d.left.Add(-1) < 0 {
		return errs.Wrap(errs.Unavailable, errors.New("connection reset"), "the database is disconnected")
	}
	return nil
}

func (d *limited) Restore(ctx context.Context, log []chat.Message) error {
	if err := d.spend(); err != nil {
		return err
	}
	return d.Driver.Restore(ctx, log)
}

func (d *limited) RestoreRoom(ctx context.Context, r chat.Room) error {
	if err := d.spend(); err != nil {
		return err
	}
	return d.Driver.RestoreRoom(ctx, r)
}

// goneBack returns a database whose log has gone back twice, and in which oldest messages have been removed.
func goneBack(t *testing.T) (string, *Driver) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	for range 2 {
		for room, n := range map[string]int{"a": 700, "floor": 600, "removed": 20} {
			appendTo(t, d, room, n)
		}
		if err := d.EndEpoch(t.Context(), "a test"); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(t, d, "young", 1)
	if err := d.SetMark(t.Context(), "", "a mark"); err != nil {
		t.Fatal(err)
	}
	shell(t, database, "DELETE FROM restante.messages WHERE room = 'floor' AND seq <= 555 OR room = 'removed'")
	return database, d
}

func TestCopy_CarriesEpochsAndFloors(t *testing.T) {
	_, source := goneBack(t)
	database := testkit.Database(t)
	target := open(t, database, Config{})
	broken := &limited{Driver: target}
	c := &store.Copy{From: store.New(source, store.Config{}), To: store.New(broken, store.Config{})}
	attempts := 0
	for ; ; attempts++ {
		broken.left.Store(5)
		err := c.Run(t.Context())
		if err == nil {
			break
		}
		if errs.CodeOf(err) != errs.Unavailable || attempts > 20 {
			t.Fatalf("attempt %d: %v", attempts, err)
		}
	}
	if attempts == 0 {
		t.Error("the copy was not interrupted")
	}
	contents, err := c.Check(t.Context())
	if p := c.Progress(); err != nil || contents.Messages != 1400+645+1 || contents.Rooms != 4 || p.Messages != contents.Messages || p.MessagesDone != p.Messages {
		t.Errorf("check: %+v, %v, progress %+v", contents, err, p)
	}
	from, fromErr := source.Lineage(t.Context())
	to, toErr := target.Lineage(t.Context())
	if err := errors.Join(fromErr, toErr); err != nil || !from.Same(to) || to.Mark != "a mark" || len(to.Begins) != 6 || present(t, source) != present(t, target) {
		t.Errorf("lineage %+v, want %+v, %v", to, from, err)
	}
	for _, d := range []*Driver{source, target} {
		if m := appendTo(t, d, "removed", 1)[0]; m.Seq != 41 {
			t.Errorf("the next number of a room without messages is %d", m.Seq)
		}
	}

	shell(t, database, "UPDATE restante.begins SET last_seq = last_seq - 1 WHERE room = 'a'")
	if _, err := c.Check(t.Context()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), "3 epochs and 6 beginnings of rooms in the source") {
		t.Errorf("check of other beginnings: %v", err)
	}
}

func TestCopy_RefusesAStoreOfItsOwn(t *testing.T) {
	_, source := goneBack(t)
	target := open(t, testkit.Database(t), Config{})
	stored := appendTo(t, target, "a", 1)
	before := present(t, target)
	c := &store.Copy{From: store.New(source, store.Config{}), To: store.New(target, store.Config{})}
	if err := c.Run(t.Context()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), "is a store of its own") {
		t.Errorf("copy: %v", err)
	}
	if log := readRoom(t, target, "a"); !slices.Equal(log, stored) || present(t, target) != before {
		t.Errorf("the target has %d messages", len(log))
	}
}
