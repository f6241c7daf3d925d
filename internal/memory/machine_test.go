package memory

import (
	"testing"
	"testing/fstest"
)

func TestReadMachine(t *testing.T) {
	const meminfo = "MemTotal:        8000000 kB\nMemFree:  1 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  Machine
	}{
		"nothing is known": {nil, Machine{}},
		"no group":         {map[string]string{"proc/meminfo": meminfo}, Machine{Physical: 8_192_000_000}},
		"version 2": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/restante.service\n",
			"sys/fs/cgroup/system.slice/restante.service/memory.max": "1073741824\n", "sys/fs/cgroup/system.slice/memory.max": "max\n",
		}, Machine{Container: 1 << 30, Physical: 8_192_000_000}},
		"a group above has less": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/restante.service\n",
			"sys/fs/cgroup/system.slice/restante.service/memory.max": "1073741824\n", "sys/fs/cgroup/system.slice/memory.max": "536870912\n",
		}, Machine{Container: 512 << 20}},
		"in a container": {map[string]string{
			"proc/self/cgroup": "0::/../../docker/abc\n", "sys/fs/cgroup/memory.max": "268435456\n",
		}, Machine{Container: 256 << 20}},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu:/\n4:memory:/docker/abc\n0::/\n",
			"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "268435456\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, Machine{Container: 256 << 20}},
		"version 1 without a limit": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, Machine{Physical: 8_192_000_000}},
		"nonsense": {map[string]string{"proc/meminfo": "MemTotal: many kB\n", "proc/self/cgroup": "x\n0\n0:memory\n"}, Machine{}},
	} {
		files := fstest.MapFS{}
		for path, text := range c.files {
			files[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := readMachine(files); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestMachine_Default(t *testing.T) {
	const gib = 1 << 30
	for m, want := range map[Machine]int{
		{}:                             512 << 20,
		{Physical: 8 * gib}:            2 * gib,
		{Physical: 8 * gib, Heap: gib}: 341 << 20,
		{Physical: 8 * gib, Container: 10 * 100_000_000}:                    286 << 20,
		{Physical: 8 * gib, Container: 10 * 100_000_000, Heap: 800_000_000}: 254 << 20,
		{Container: 20 << 20}: 16 << 20,
	} {
		if got := m.Default(); got != want {
			t.Errorf("%+v: %d, want %d", m, got, want)
		}
	}
}
