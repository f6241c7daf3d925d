package server

import (
	"strings"
	"testing"

	"restante/internal/config"
	"restante/internal/memory"
)

func TestMemoryLimit(t *testing.T) {
	container := memory.Machine{Container: 1 << 30}
	for name, c := range map[string]struct {
		given   config.Bytes
		machine memory.Machine
		want    int
		fault   string
	}{
		"the default":         {0, container, container.Default(), ""},
		"less":                {64 << 20, container, 64 << 20, ""},
		"more than there is":  {1 << 30, container, 0, "--limit-memory: 1GiB is more than the"},
		"without a container": {1 << 30, memory.Machine{Physical: 1 << 20}, 1 << 30, ""},
	} {
		got, err := memoryLimit(c.given, c.machine)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}
