package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store"
	"restante/internal/store/driver"
	"restante/internal/store/sqlite"
)

// fill stores n messages in each of some rooms.
func fill(t *testing.T, s *store.Store, rooms, n int) {
	t.Helper()
	for i := range rooms {
		batch := newMessages(n)
		for k := range batch {
			batch[k].Room = fmt.Sprintf("room-%d", i)
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCopy_MovesEverything(t *testing.T) {
	from, to := open(t, store.Config{}), open(t, store.Config{})
	fill(t, from, 5, chat.MaxPage+1)
	c := &store.Copy{From: from, To: to}
	for range 2 { // again changes nothing
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := store.Progress{Rooms: 5, RoomsDone: 5, Messages: 2505, MessagesDone: 2505}
		if got := c.Progress(); got != want {
			t.Errorf("progress %+v, want %+v", got, want)
		}
	}
	contents, err := c.Check(t.Context())
	if err != nil || contents.Rooms != 5 || contents.Messages != 2505 || contents.Checksum == [32]byte{} {
		t.Errorf("check: %+v, %v", contents, err)
	}
	back, err := (&store.Copy{From: to, To: from}).Check(t.Context())
	if err != nil || back != contents {
		t.Errorf("check the other way: %+v, %v, want %+v", back, err, contents)
	}
}

// TestCopy_TakesSwitchesAndForeignNames copies what another version of Restante has accepted and switched on.
func TestCopy_TakesSwitchesAndForeignNames(t *testing.T) {
	from, to := open(t, store.Config{}), open(t, store.Config{})
	c := &store.Copy{From: from, To: to}
	if err := from.SwitchOn(t.Context(), "kind:edit", "v9.8.7"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(t.Context()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), "only the source uses kind:edit") {
		t.Errorf("check without the switch: %v", err)
	}
	batch := newMessages(3)
	batch[0].Room, batch[1].ClientID, batch[2].Msg = "Ünïcode Räume "+strings.Repeat("r", 100), "line\nbreak", ""
	if _, err := from.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if contents, err := c.Check(t.Context()); err != nil || contents.Messages != 3 || contents.Rooms != 2 {
		t.Errorf("check: %+v, %v", contents, err)
	}
	on, err := to.Switches(t.Context())
	if i := slices.IndexFunc(on, func(s driver.Switch) bool { return s.Feature == "kind:edit" }); err != nil || i < 0 || on[i].Release != "v9.8.7" {
		t.Errorf("switches of the target: %+v, %v", on, err)
	}
}

// TestCopy_KeepsWhoHasUsedAnID copies a room in which two senders share an id: in the copy, too, each one's repeat adds nothing,
// another text is a conflict, and the second one's id is taken.
func TestCopy_KeepsWhoHasUsedAnID(t *testing.T) {
	from, to := open(t, store.Config{}), open(t, store.Config{})
	batch := newMessages(2)
	batch[1].ID, batch[1].ClientID = batch[0].ID, "another sender"
	if _, err := from.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	c := &store.Copy{From: from, To: to}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	other := batch[1]
	other.Msg = "another text"
	for name, s := range map[string]*store.Store{"source": from, "copy": to} {
		done, err := s.Append(t.Context(), []chat.Message{batch[0], batch[1], other})
		if err != nil || done.Fresh != 0 || !slices.Equal(done.Conflicts, []int{2}) {
			t.Fatalf("%s: %+v, %v", name, done, err)
		}
		if m := done.Messages; m[0].Seq != 1 || m[1].Seq != 2 || m[2].Seq != 2 || m[0].IDTaken || !m[1].IDTaken || m[2].Msg != batch[1].Msg {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestCopy_OfNothing(t *testing.T) {
	c := &store.Copy{From: open(t, store.Config{}), To: open(t, store.Config{})}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if contents, err := c.Check(t.Context()); err != nil || contents.Messages != 0 {
		t.Errorf("check: %+v, %v", contents, err)
	}
}

// limited is a driver that fails for good after some calls of Restore.
type limited struct {
	driver.Driver
	left atomic.Int64
}

func (d *limited) Restore(ctx context.Context, log []chat.Message) error {
	if d.left.Add(-1) < 0 {
		return errs.Wrap(errs.Unavailable, errors.New("connection reset"), "the database is disconnected")
	}
	return d.Driver.Restore(ctx, log)
}

func TestCopy_ContinuesWhereItWasInterrupted(t *testing.T) {
	from := open(t, store.Config{})
	fill(t, from, 5, 2*chat.MaxPage)
	d, err := sqlite.Open(t.Context(), t.TempDir()+"/to.db", sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	broken := &limited{Driver: d}
	to := store.New(broken, store.Config{})
	defer to.Close()
	c := &store.Copy{From: from, To: to}
	attempts := 0
	for ; ; attempts++ {
		broken.left.Store(6)
		err := c.Run(t.Context())
		if err == nil {
			break
		}
		if errs.CodeOf(err) != errs.Unavailable || attempts > 20 {
			t.Fatalf("attempt %d: %v", attempts, err)
		}
		if _, err := c.Check(t.Context()); errs.CodeOf(err) != errs.Conflict {
			t.Errorf("the check of half a copy: %v, want an error of class conflict", err)
		}
	}
	if attempts < 2 {
		t.Errorf("done after %d interruptions, want several", attempts)
	}
	if _, err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCopy_RefusesATargetWithOtherMessages(t *testing.T) {
	from := open(t, store.Config{})
	fill(t, from, 2, 10)
	l, err := from.Lineage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		rooms, n int
		want     string
	}{
		"other messages":     {1, 5, `room "room-0": number 5 is another message in the store`},
		"more messages":      {1, 20, `room "room-0" ends with number 20 in the target, with 10 in the source`},
		"a room of its own":  {3, 1, `room "room-2" ends with number 1 in the target, with 0 in the source`},
		"as many, but other": {1, 10, `room "room-0": number 10 is another message in the store`},
	} {
		to := open(t, store.Config{})
		if err := to.RestoreEpochs(t.Context(), l); err != nil { // as after a copy that was interrupted
			t.Fatal(err)
		}
		fill(t, to, tc.rooms, tc.n)
		err := (&store.Copy{From: from, To: to}).Run(t.Context())
		if errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// lying is a driver that returns one message changed.
type lying struct {
	driver.Driver
	change func(m *chat.Message)
}

func (d *lying) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	page, err := d.Driver.After(ctx, room, seq, limit)
	for i := range page {
		if room == "room-1" && page[i].Seq == 777 {
			d.change(&page[i])
		}
	}
	return page, err
}

func TestCopy_CheckFindsEveryDifference(t *testing.T) {
	from := open(t, store.Config{})
	fill(t, from, 2, 800)
	d, err := sqlite.Open(t.Context(), t.TempDir()+"/to.db", sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	other := &lying{Driver: d, change: func(*chat.Message) {}}
	to := store.New(other, store.Config{})
	defer to.Close()
	c := &store.Copy{From: from, To: to}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for field, change := range map[string]func(m *chat.Message){
		"id":        func(m *chat.Message) { m.ID = newMessages(1)[0].ID },
		"client_id": func(m *chat.Message) { m.ClientID += "x" },
		"msg":       func(m *chat.Message) { m.Msg = strings.ToUpper(m.Msg) },
		"sent_at":   func(m *chat.Message) { m.SentAt = m.SentAt.Add(time.Microsecond) },
		"stored_at": func(m *chat.Message) { m.StoredAt = m.StoredAt.Add(-time.Microsecond) },
	} {
		other.change = change
		if _, err := c.Check(t.Context()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), `room "room-1" from number 777 on`) {
			t.Errorf("%s: %v, want a difference at number 777", field, err)
		}
	}
	other.change = func(*chat.Message) {}
	fill(t, from, 1, 1) // a server that still runs
	if _, err := c.Check(t.Context()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), `room "room-0" has numbers 1 to 801`) {
		t.Errorf("a source that has grown: %v", err)
	}
}
