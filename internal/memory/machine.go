package memory

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// Machine is the memory that the process may use.
type Machine struct {
	Container int64 // bytes that the kernel allows, of the container or the service; 0: as many as the machine has
	Heap      int64 // GOMEMLIMIT, in bytes; 0: not set
	Physical  int64 // of the machine, in bytes; 0: not known
}

// Of a container's memory, Go may use a part. The rest is for what Go does not count, and for files that are mapped.
const heapTenths = 9

// Bounds of Default, in bytes.
const (
	leastDefault   = 16 << 20
	unknownDefault = 512 << 20 // when nothing is known about the machine
)

// ReadMachine asks the system. It does not fail: what cannot be read is not known.
func ReadMachine() Machine {
	m := readMachine(os.DirFS("/"))
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		m.Heap = limit
	}
	return m
}

// Most returns how many bytes the kernel or the operator allows, 0 if neither has said anything.
func (m Machine) Most() int64 {
	switch {
	case m.Container == 0:
		return m.Heap
	case m.Heap == 0:
		return m.heapOfContainer()
	default:
		return min(m.Heap, m.heapOfContainer())
	}
}

// heapOfContainer returns how much of the container's memory Go may use, in whole MiB.
func (m Machine) heapOfContainer() int64 { return m.Container / 10 * heapTenths >> 20 << 20 }

// Default returns the limit of a budget when none is given: a third of what is allowed, since Go's collector needs about as much
// again, and so does what no client makes the server keep; or a quarter of the machine, which has other work.
func (m Machine) Default() int {
	limit := int64(unknownDefault)
	switch most := m.Most(); {
	case most > 0:
		limit = most / 3
	case m.Physical > 0:
		limit = m.Physical / 4
	}
	return int(max(limit>>20<<20, leastDefault))
}

// LimitHeap makes Go's collector work harder near the limit of the container, unless GOMEMLIMIT is set: without that a process is
// killed while it has garbage that it need not keep. It returns the limit that is in force, 0 if there is none.
func (m Machine) LimitHeap() int64 {
	if m.Heap == 0 && m.Container > 0 {
		debug.SetMemoryLimit(m.heapOfContainer())
		return m.heapOfContainer()
	}
	return m.Heap
}

// readMachine reads what the kernel says in the files of root.
func readMachine(root fs.FS) (m Machine) {
	m.Container = leastLimit(root)
	if info, err := fs.ReadFile(root, "proc/meminfo"); err == nil {
		m.Physical = totalOf(info)
	}
	if m.Physical > 0 && m.Container >= m.Physical {
		m.Container = 0
	}
	return m
}

// totalOf reads the line MemTotal of /proc/meminfo.
func totalOf(info []byte) int64 {
	for line := range bytes.Lines(info) {
		if f := strings.Fields(string(line)); len(f) == 3 && f[0] == "MemTotal:" {
			kilobytes, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}

// leastLimit returns the least limit of the process's control group and those above it; 0 if there is none. In a container the
// path of the group may be one that is seen outside only; then the root of the file system is the group.
func leastLimit(root fs.FS) (least int64) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	consider := func(file string) {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			return
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && limit > 0 && (least == 0 || limit < least) { // "max" is no number
			least = limit
		}
	}
	for line := range strings.Lines(string(groups)) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		mount, file := "sys/fs/cgroup", "memory.max"
		if id != "0" {
			if controllers != "memory" {
				continue
			}
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for dir := path.Join("/", group); ; dir = path.Dir(dir) {
			consider(path.Join(mount, dir, file))
			if dir == "/" {
				break
			}
		}
	}
	return least
}
