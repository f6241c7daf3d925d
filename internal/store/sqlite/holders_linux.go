package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The bytes of the -shm in which SQLite locks what a reader needs of the -wal: WAL_READ_LOCK(0) to WAL_READ_LOCK(4).
const (
	firstReadLock = 123
	lastReadLock  = 127
)

// lockers names the processes that have locked a whole file, as "restante (process 123)". It is empty if nobody is known.
func lockers(path string) string {
	return processes(holders(path, func(kind string, _, _ int64) bool { return kind == "FLOCK" }))
}

// walHolders names the processes that read what is in the -wal of a database or, if none is known, the other ones that have the
// database open. It is empty if nobody is known.
func walHolders(path string) string {
	reading := holders(path+"-shm", func(_ string, from, to int64) bool { return from <= lastReadLock && to >= firstReadLock })
	if len(reading) == 0 {
		reading = openers(path)
	}
	return processes(reading)
}

// holders returns the processes with a lock of the given sort on a file, as /proc/locks lists them.
func holders(path string, sort func(kind string, from, to int64) bool) []int {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	list, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(list)) {
		// 3: POSIX  ADVISORY  READ 2345 08:01:131 123 123
		f := strings.Fields(line)
		if len(f) != 8 || !strings.HasSuffix(f[5], ":"+strconv.FormatUint(st.Ino, 10)) {
			continue
		}
		from, _ := strconv.ParseInt(f[6], 10, 64)
		to, err := strconv.ParseInt(f[7], 10, 64)
		if err != nil {
			to = 1<<63 - 1 // "EOF"
		}
		if pid, err := strconv.Atoi(f[4]); err == nil && pid > 0 && sort(f[1], from, to) && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// openers returns the other processes that have a file open, as far as this one may know.
func openers(path string) []int {
	found, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, name := range found {
		if target, err := os.Readlink(name); err != nil || target != path {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(name, "/")[2])
		if err == nil && pid != os.Getpid() && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processes names processes for a person.
func processes(pids []int) string {
	names := make([]string, 0, len(pids))
	for _, pid := range pids {
		name := fmt.Sprintf("process %d", pid)
		if pid == os.Getpid() {
			name += ", this one"
		}
		if command, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
			name = fmt.Sprintf("%s (%s)", strings.TrimSpace(string(command)), name)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
