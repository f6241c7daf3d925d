package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Options say what Bench measures. The zero value measures everything with servers that Bench starts, for which Command
// must be set.
type Options struct {
	URL string // URL of a running server, http://host:port; when empty, Bench starts one for each scenario
	PID int    // process id of that server if it is on this machine, for CPU time and memory

	Command []string // path of the server and its arguments, such as [restante serve]; used when URL is empty
	NoPin   bool     // do not pin server and generator to a core each; otherwise they are pinned if there are two cores and taskset

	Scenarios []string      // names from Scenarios(); default all
	Duration  time.Duration // how long a scenario sends; default 5 s
	Senders   int           // default 64
	Readers   int           // default 1,000
	Idle      int           // number of connections in scenario idle; default 5,000
	Missed    int           // number of messages that each reader has missed in scenario recover; default 500
	MsgBytes  int           // size of a message's text; default 128
	Rooms     int           // number of rooms in scenario publish; default 8
}

func (o *Options) defaults() {
	o.Duration = orDefault(o.Duration, 5*time.Second)
	o.Senders = orDefault(o.Senders, 64)
	o.Readers = orDefault(o.Readers, 1000)
	o.Idle = orDefault(o.Idle, 5000)
	o.Missed = orDefault(o.Missed, 500)
	o.Rooms = min(orDefault(o.Rooms, 8), o.Senders)
	o.MsgBytes = max(orDefault(o.MsgBytes, 128), 22)
	if len(o.Scenarios) == 0 {
		o.Scenarios = Scenarios()
	}
}

// Validate returns an error that lists everything wrong with the options.
func (o Options) Validate() error {
	var faults []error
	for _, name := range o.Scenarios {
		if scenarioOf(name) == nil {
			faults = append(faults, fmt.Errorf("scenario %q is not one of %s", name, strings.Join(Scenarios(), ", ")))
		}
	}
	if o.URL == "" && len(o.Command) == 0 {
		faults = append(faults, errors.New("neither the address of a server nor a command that starts one is given"))
	}
	if o.URL != "" {
		_, err := hostOf(o.URL)
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// setUpLimit bounds everything in a scenario except sending: connecting, catching up, reading back.
const setUpLimit = 3 * time.Minute

// Bench runs the scenarios one after another. It prints to w what it measures, and what Check found in each. It blocks
// until the end. It returns an error when a promise was broken or a scenario could not run.
func Bench(ctx context.Context, w io.Writer, o Options) error {
	o.defaults()
	if err := o.Validate(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	cores := o.pin()
	fmt.Fprintf(w, "machine    %s; generator %s\n", describeMachine(), runtime.Version())
	fmt.Fprintf(w, "load       %d senders, %d readers, %d bytes a message, %v of sending; %s\n", o.Senders, o.Readers, o.MsgBytes, o.Duration, cores.note)
	var broken error
	for i, name := range o.Scenarios {
		if err := o.scenario(ctx, w, name, cores, i == 0); err != nil {
			broken = errors.Join(broken, fmt.Errorf("bench %s: %w", name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return broken
}

// scenario runs one scenario, and starts a server for it unless there is a URL.
func (o Options) scenario(ctx context.Context, w io.Writer, name string, cores pinning, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, o.Duration+setUpLimit)
	defer cancel()
	b := &bench{Options: o, room: "bench-" + name + "-" + uuid.NewString()[:8], out: w}
	if o.URL == "" {
		p, stop, err := o.startServer(ctx, cores)
		if err != nil {
			return err
		}
		defer stop()
		b.URL, b.PID = p.URL(), p.PID()
	}
	if first {
		version, err := describeServer(ctx, b.URL)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "server     %s\n", version)
	}
	started := time.Now()
	report, err := scenarioOf(name)(ctx, b)
	if err != nil {
		return err
	}
	if report != nil {
		b.line("checked", "%s", report)
		err = report.Err()
	}
	b.line("took", "%.1f s in all", time.Since(started).Seconds())
	return err
}

// startServer starts a server on loopback with its data in a temporary directory. The function that it returns ends the
// server and removes the directory.
func (o Options) startServer(ctx context.Context, cores pinning) (*Process, func(), error) {
	dir, err := os.MkdirTemp("", "restante-bench-")
	if err != nil {
		return nil, nil, err
	}
	args := slices.Concat(o.Command[1:], WithoutLimits(), []string{"--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--log-format", "json"})
	p, err := StartProcess(ctx, Command{Path: o.Command[0], Args: args, CPUs: cores.server})
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, func() {
		p.Kill()
		_ = os.RemoveAll(dir) // if this fails, a temporary directory remains, which does no harm
	}, nil
}

// pinning is the list of cores of the server, as taskset takes it, and a note about both processes; an empty list means
// all cores.
type pinning struct{ server, note string }

// pin pins the generator to the last core and leaves the first one for the server.
func (o Options) pin() pinning {
	if o.URL != "" || o.NoPin || runtime.NumCPU() < 2 {
		return pinning{note: "not pinned"}
	}
	last := strconv.Itoa(runtime.NumCPU() - 1)
	if err := exec.Command("taskset", "-acp", last, strconv.Itoa(os.Getpid())).Run(); err != nil {
		return pinning{note: "not pinned: " + err.Error()}
	}
	return pinning{server: "0", note: "server on core 0, generator on core " + last}
}

// bench is the state of one scenario.
type bench struct {
	Options
	room string
	out  io.Writer
}

func (b *bench) line(what, format string, args ...any) {
	fmt.Fprintf(b.out, "  %-10s "+format+"\n", append([]any{what}, args...)...)
}

// used returns the usage of the server's process, or an unknown usage when it is not on this machine.
func (b *bench) used() (Usage, error) {
	if b.PID == 0 {
		return Usage{}, nil
	}
	return UsageOf(b.PID)
}

// cost prints the server's CPU seconds per million messages or deliveries.
func (b *bench) cost(before Usage, count int64, of string) error {
	after, err := b.used()
	if err != nil || !after.Known || count == 0 {
		return err
	}
	cpu := (after.CPU - before.CPU).Seconds()
	b.line("server", "%.2f CPU s, %.2f s per million %s; %.0f MB resident", cpu, cpu/float64(count)*1e6, of, float64(after.RSS)/1e6)
	return nil
}

// waitStored waits until every accepted message is stored. It gives up after a time in which they should have been
// stored; Check then finds the missing ones.
func (b *bench) waitStored(ctx context.Context, room string, sends []Send) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := WaitStored(ctx, b.URL, room, sends); err != nil {
		b.line("late", "%v", err)
	}
}

// evidence reads the room and checks it.
func (b *bench) evidence(ctx context.Context, room string, sends []Send, readings []Reading) (*Report, error) {
	stored, err := ReadRoom(ctx, b.URL, room, 0)
	if err != nil {
		return nil, err
	}
	r := Check(Evidence{Sends: sends, Stored: stored, Readings: readings})
	return &r, nil
}
