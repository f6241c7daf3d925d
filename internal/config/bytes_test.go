package config_test

import (
	"strings"
	"testing"

	"restante/internal/config"
)

func TestBytes_Forms(t *testing.T) {
	for text, want := range map[string]config.Bytes{
		"64MiB": 64 << 20, "1GiB": 1 << 30, "1536KiB": 1536 << 10, "1048577": 1<<20 + 1, "0": 0, "1024GiB": 1 << 40,
	} {
		got, err := config.ParseBytes(text)
		if err != nil || got != want {
			t.Errorf("%s: %d (%v), want %d", text, got, err, want)
		}
		if again, err := config.ParseBytes(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s, and read back as %d (%v)", text, got, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "64MB", "64 MiB", "1.5GiB", "-1", "-1MiB", "64mib", "9999999999GiB", "99999999999999999999"} {
		if got, err := config.ParseBytes(text); err == nil || !strings.Contains(err.Error(), "such as 64MiB") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, written := range []struct {
		b    config.Bytes
		want string
	}{{64 << 20, "64MiB"}, {3 << 30, "3GiB"}, {1<<20 + 1, "1048577"}, {0, "0"}, {5 << 10, "5KiB"}} {
		if got := written.b.String(); got != written.want {
			t.Errorf("%d is written as %s, want %s", written.b, got, written.want)
		}
	}
}

func TestBytes_AsAFlagAndInAFile(t *testing.T) {
	for _, args := range [][]string{
		{"--limit-memory", "16MiB"}, {"--limit-memory=16777216"},
		{"--config", writeFile(t, "limit-memory: 16MiB\n")}, {"--config", writeFile(t, "limit-memory: 16777216\n")},
	} {
		if c, err := parse(t, append([]string{"serve"}, args...)...); err != nil || c.Limit.Memory != 16<<20 {
			t.Errorf("%q: %v, %v", args, c.Limit.Memory, err)
		}
	}
	for _, args := range [][]string{
		{"--limit-memory", "16MB"}, {"--limit-memory=-1"}, {"--limit-memory", "1KiB"}, {"--config", writeFile(t, "limit-memory: [1]\n")},
	} {
		if _, err := parse(t, append([]string{"serve"}, args...)...); err == nil || !strings.Contains(err.Error(), "--limit-memory") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
