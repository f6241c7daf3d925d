package timetext_test

import (
	"testing"
	"time"

	"restante/internal/timetext"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour,
		"1w": 168 * time.Hour, "1d12h": 36 * time.Hour, "1w2d3h4m5s6ms7us8ns": 219*time.Hour + 4*time.Minute + 5*time.Second + 6007008,
		"1.5d": 36 * time.Hour, "0.5w": 84 * time.Hour, ".5d": 12 * time.Hour, "1.d": 24 * time.Hour, "0": 0, "-0": 0, "+0": 0, "0s": 0, "0d": 0,
		"-1h": -time.Hour, "-1d": -24 * time.Hour, "+2d": 48 * time.Hour, "15µs": 15 * time.Microsecond, "15250w": 15250 * 168 * time.Hour,
	} {
		if got, err := timetext.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-", "5", "d", "1x", "1 d", "1d ", " 1d", "--1d", "+-1d", "1d-2h", "soon", "1D", "1M", "1y", "1e3s", "0x1s", "1_000s", "1,5h", "..5s", "1.2.3s",
		"15251w", "106752d", "15250w30d", "99999999999999999999d", "2562048h", "٣d",
	} {
		if got, err := timetext.ParseDuration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzParseDuration compares with the parser of Go's library: what that one knows means the same here.
func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"1h30m", "-1.5d", "0", "1w", ".5s", "+0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := timetext.ParseDuration(text)
		want, errOfGo := time.ParseDuration(text)
		if errOfGo == nil && want != -1<<63 && (err != nil || got != want) {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	})
}
