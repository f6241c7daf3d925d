package audit

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A disk that is full loses lines, counts them and stops nobody.
func TestLog_AFullDiskLosesLines(t *testing.T) {
	out, reg := &lines{}, prometheus.NewPedanticRegistry()
	l := open(t, Config{File: "/dev/full", Log: slog.New(slog.NewJSONHandler(out, nil)), Metrics: reg})
	for range 3 {
		l.Note(t.Context(), Event{What: SignIn, Who: "ann"})
	}
	closeLog(t, l)
	if got := testutil.ToFloat64(l.dropped); got != 3 {
		t.Errorf("%v lines are counted as dropped, want 3", got)
	}
	if got := out.all(t); len(got) != 1 || got[0]["level"] != "ERROR" {
		t.Errorf("the log says %v, want one line", got)
	}
}
