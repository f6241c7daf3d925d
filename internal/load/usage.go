package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is the resource usage of a process so far.
type Usage struct {
	CPU   time.Duration // user and system time
	RSS   int64         // resident memory now, in bytes
	Known bool          // false where /proc does not have it
}

// clockTick is USER_HZ, the unit of process times on Linux: 1/100 s on every architecture that Go supports.
const clockTick = time.Second / 100

// UsageOf reads /proc/PID. It returns an error on systems without /proc, and for a process that has ended.
func UsageOf(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name before it may contain anything
	fields := strings.Fields(string(rest))
	if len(fields) < 22 {
		return Usage{}, fmt.Errorf("usage of process %d: unknown format of %s/stat", pid, dir)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	pages, err3 := strconv.ParseInt(fields[21], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Usage{}, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	return Usage{CPU: time.Duration(user+system) * clockTick, RSS: pages * int64(os.Getpagesize()), Known: true}, nil
}
