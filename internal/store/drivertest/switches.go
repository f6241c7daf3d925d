package drivertest

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// switches returns what is on, without the switches that every new store has.
func switches(t testing.TB, d driver.Driver) []driver.Switch {
	t.Helper()
	on, err := d.Switches(t.Context())
	if err != nil {
		t.Fatalf("read switches: %v", err)
	}
	return slices.DeleteFunc(on, func(s driver.Switch) bool { return slices.Contains(chat.AddedFeatures(), s.Feature) })
}

func wantSwitches(t testing.TB, d driver.Driver, want ...driver.Switch) {
	t.Helper()
	if got := switches(t, d); !slices.Equal(got, want) {
		t.Errorf("switches %+v, want %+v", got, want)
	}
}

func switchOn(t testing.TB, d driver.Driver, f chat.Feature, release string) {
	t.Helper()
	if err := d.SwitchOn(t.Context(), f, release); err != nil {
		t.Fatalf("switch on %s: %v", f, err)
	}
}

func testSwitchesOfNewStore(t *testing.T, h Harness) {
	on, err := h.Open(t, newClock().now).Switches(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var features []chat.Feature
	for _, s := range on {
		features = append(features, s.Feature)
		if s.Release == "" || s.At.IsZero() || s.At != chat.Micros(s.At) {
			t.Errorf("switch %+v", s)
		}
	}
	want := chat.AddedFeatures()
	slices.Sort(want)
	if !slices.Equal(features, want) {
		t.Errorf("on in a new store: %q, want what this version has added: %q", features, want)
	}
}

// testSwitchOn switches on features that every version knows, so that the store can be opened again.
func testSwitchOn(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	message := driver.Switch{Feature: chat.FeatureMessages, Release: "v1.2.3-rc.1+é", At: chat.Micros(c.now())}
	switchOn(t, d, message.Feature, message.Release)
	wantSwitches(t, d, message)

	c.step(time.Hour)
	envelope := driver.Switch{Feature: chat.FeatureEnvelope1, Release: "v2", At: chat.Micros(c.now())}
	switchOn(t, d, envelope.Feature, envelope.Release)
	switchOn(t, d, message.Feature, "v3") // the first release and time stay
	wantSwitches(t, d, envelope, message)

	put(t, d, messages("a", 2)...)
	d = h.Reopen(t, d, c.now)
	wantSwitches(t, d, envelope, message)
	if n := len(log(t, d, "a")); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

func testSwitchOnConcurrently(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := d.SwitchOn(t.Context(), "kind:edit", "v1"); err != nil {
				t.Errorf("switch on: %v", err)
			}
			if _, err := d.Append(t.Context(), messages("a", 2)); err != nil {
				t.Errorf("append: %v", err)
			}
		})
	}
	all.Wait()
	if on := switches(t, d); len(on) != 1 || on[0].Feature != "kind:edit" {
		t.Errorf("switches %+v, want kind:edit", on)
	}
	if err := d.SwitchOn(canceled(t), "kind:other", "v1"); err == nil {
		t.Error("a cancelled call has switched a feature on")
	}
}

// testNames stores names and texts that this version does not accept, but another version may have accepted.
func testNames(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	rooms := []string{"Ünïcode Räume", strings.Repeat("r", 100), "a/b", "line\nbreak", "🚪", " "}
	restored := map[string][]chat.Message{}
	for _, room := range rooms {
		batch := messages(room, 4)
		batch[0].ClientID = "line\nbreak\u202e"
		batch[1].ClientID = ""
		batch[2].Msg = ""
		batch[3].ClientID, batch[3].Msg = strings.Repeat("é", 500), strings.Repeat("x", 2*chat.MaxMsgBytes)
		stored := put(t, d, batch...).Messages
		same(t, "log", log(t, d, room), stored)
		for i := range stored {
			stored[i].Room += "+"
		}
		restore(t, d, stored)
		restored[stored[0].Room] = stored
	}
	d = h.Reopen(t, d, newClock().now)
	for room, want := range restored {
		same(t, "restored log", log(t, d, room), want)
		if r, err := d.Room(t.Context(), room); err != nil || r.LastSeq != 4 {
			t.Errorf("room %+v, %v", r, err)
		}
	}
	if found, err := d.Rooms(t.Context(), "", "", 100); err != nil || len(found) != 2*len(rooms) {
		t.Errorf("%d rooms, %v, want %d", len(found), err, 2*len(rooms))
	}
}

func testSwitchesAfterClose(t *testing.T, d driver.Driver) {
	_, err := d.Switches(t.Context())
	for call, err := range map[string]error{"switches": err, "switch on": d.SwitchOn(t.Context(), "kind:edit", "v1")} {
		if errs.CodeOf(err) != errs.Unavailable || d.Retryable(err) {
			t.Errorf("%s after close: %v, want an error of class unavailable that is not worth a retry", call, err)
		}
	}
}
