package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func testLastSeqs(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	want := map[string]int64{"unknown": 0, "A": 0}
	for i, name := range []string{"b", "a", "Ünïcode Räume", `it's "quoted" \\ <&>`, "line\nbreak\u2028", "🚪", " "} {
		want[name] = int64(i + 1)
		put(t, d, messages(name, i+1)...)
	}
	for _, names := range [][]string{
		nil, {}, {"a"}, {"unknown"}, {"b", "unknown", "a", "A", "b"}, {"Ünïcode Räume", `it's "quoted" \\ <&>`, "line\nbreak\u2028", "🚪", " "},
	} {
		var numbers []int64
		for _, name := range names {
			numbers = append(numbers, want[name])
		}
		before := slices.Clone(names)
		if got, err := d.LastSeqs(t.Context(), names); err != nil || !slices.Equal(got, numbers) {
			t.Errorf("last numbers of %q: %v, %v, want %v", names, got, err, numbers)
		}
		if !slices.Equal(names, before) {
			t.Errorf("the names were changed to %q", names)
		}
	}
	if found, err := d.Rooms(t.Context(), "", "", 100); err != nil || len(found) != 7 {
		t.Errorf("reading numbers has made rooms: %+v, %v", found, err)
	}
	if _, err := d.LastSeqs(canceled(t), []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := d.LastSeqs(t.Context(), make([]string, driver.MaxNames+1)); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("%d names: %v, want an error of class invalid", driver.MaxNames+1, err)
	}
}

// testLastSeqsOfMany asks for as many rooms as one call may name, of which every second one exists.
func testLastSeqsOfMany(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	names, want := make([]string, driver.MaxNames), make([]int64, driver.MaxNames)
	var batch []chat.Message
	for i := range names {
		at := i * 7919 % len(names) // a prime: no order of the names
		names[at] = fmt.Sprintf("room-%05d", i)
		if i%2 == 0 {
			want[at] = 1
			batch = append(batch, message(names[at], "hello"))
		}
	}
	put(t, d, batch...)
	if got, err := d.LastSeqs(t.Context(), names); err != nil || !slices.Equal(got, want) {
		t.Errorf("%d numbers, %v: not those of the rooms in their order", len(got), err)
	}
}

// BenchmarkLastSeqs measures LastSeqs of as many rooms as one call may name, for the benchmarks of the drivers.
func BenchmarkLastSeqs(b *testing.B, d driver.Driver) {
	names := make([]string, driver.MaxNames)
	batch := make([]chat.Message, len(names))
	for i := range names {
		names[i] = fmt.Sprintf("room-%05d", i*7919%len(names))
		batch[i] = message(names[i], "hello")
	}
	put(b, d, batch...)
	for b.Loop() {
		if got, err := d.LastSeqs(b.Context(), names); err != nil || len(got) != len(names) || got[0] != 1 {
			b.Fatalf("%d numbers, %v", len(got), err)
		}
	}
}
