package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"restante/internal/chat"
	"restante/internal/store"
	"restante/internal/store/driver"
)

// series returns the series of a metric, by the values of their labels in the order of the labels' names reversed.
func series(t *testing.T, reg prometheus.Gatherer, name string) map[string]*dto.Metric {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*dto.Metric{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			var values []string
			for _, label := range slices.Backward(m.GetLabel()) {
				values = append(values, label.GetValue())
			}
			found[strings.Join(values, " ")] = m
		}
	}
	return found
}

// TestStore_TheAgeOfRepeatsIsNotMeasured appends batches in which some messages are stored already, or come twice.
func TestStore_TheAgeOfRepeatsIsNotMeasured(t *testing.T) {
	now := time.Now()
	message := func(room string, seq int64, sentBefore, storedBefore time.Duration) chat.Message {
		return chat.Message{Room: room, Seq: seq, SentAt: now.Add(-sentBefore), StoredAt: now.Add(-storedBefore)}
	}
	old, older := message("a", 6, time.Hour, time.Hour/2), message("b", 40, 2*time.Hour, time.Hour)
	first, second, third := message("a", 7, 3*time.Second, 0), message("a", 8, 2*time.Second, 0), message("b", 41, time.Second, 0)
	for name, c := range map[string]struct {
		stored    []chat.Message
		fresh     int
		conflicts []int
		count     uint64
		sum       float64
	}{
		"no repeats":               {[]chat.Message{first, second, third}, 3, nil, 3, 6},
		"only repeats":             {[]chat.Message{old, older}, 0, nil, 0, 0},
		"a repeat of each room":    {[]chat.Message{old, first, older, third}, 2, nil, 2, 4},
		"a message twice":          {[]chat.Message{first, first, second}, 2, nil, 2, 5},
		"a message twice, and old": {[]chat.Message{older, third, old, third, first}, 2, nil, 2, 4},
		"conflicts and a repeat":   {[]chat.Message{old, first, first, older}, 1, []int{0, 2}, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			s := store.New(appendFunc{f: func(context.Context) (driver.Appended, error) {
				return driver.Appended{Messages: c.stored, Fresh: c.fresh, Conflicts: c.conflicts}, nil
			}}, store.Config{Metrics: reg})
			if _, err := s.Append(t.Context(), make([]chat.Message, len(c.stored))); err != nil {
				t.Fatal(err)
			}
			ages := series(t, reg, "restante_accept_to_store_seconds")[""].GetHistogram()
			if ages.GetSampleCount() != c.count || ages.GetSampleSum() != c.sum {
				t.Errorf("%d ages, %v s together, want %d and %v s", ages.GetSampleCount(), ages.GetSampleSum(), c.count, c.sum)
			}
			if n := series(t, reg, "restante_stored_total")[""].GetCounter().GetValue(); n != float64(c.fresh) {
				t.Errorf("%v stored, want %d", n, c.fresh)
			}
			conflicts := series(t, reg, "restante_conflicts_total")[""].GetCounter().GetValue()
			repeats := series(t, reg, "restante_duplicates_total")[""].GetCounter().GetValue()
			if int(conflicts) != len(c.conflicts) || int(repeats) != len(c.stored)-c.fresh-len(c.conflicts) {
				t.Errorf("%v conflicts, want %d, and %v repeats of %d messages", conflicts, len(c.conflicts), repeats, len(c.stored))
			}
		})
	}
}
