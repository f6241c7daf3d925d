// Package nodes runs private RabbitMQ and PostgreSQL servers for tests and experiments: on free ports of 127.0.0.1, with
// their data in a temporary directory, to be killed, paused and restarted. What it starts it ends by process id, and
// when the program that started it dies, the servers die too. It uses the programs that Debian's packages install.
package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrMissing is the error of a Start function when the server's programs are not installed.
var ErrMissing = errors.New("not installed")

// startLimit bounds the start of one server.
const startLimit = 90 * time.Second

// freePort returns a port that nobody listens on. It is below the range from which the system gives ports to outgoing
// connections, so that it is still free when a killed server comes back.
func freePort() (int, error) {
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port found")
}

// process is a server's process with all its children.
type process struct {
	cmd    *exec.Cmd
	guard  io.Closer // when it is closed, also because this program has died, the process's group is killed
	exited chan struct{}
	once   sync.Once
}

// start starts a program, as the leader of a group, whose output goes to the file log. It dies with this program.
func start(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true // a Ctrl-C at the terminal is for the program that started it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.exited)
	}()
	if p.guard, err = guard(p.pid()); err != nil {
		p.signal(syscall.SIGKILL)
		<-p.exited
		return nil, err
	}
	return p, nil
}

// guard starts a shell that kills a process group when its standard input ends: the system ends it when this program
// dies, however that happens.
func guard(group int) (io.Closer, error) {
	sh := exec.Command("/bin/sh", "-c", fmt.Sprintf("read _; kill -9 -%d 2>/dev/null", group)) //nolint:noctx // it ends with its input
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := sh.StdinPipe()
	if err == nil {
		err = sh.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("guard the process: %w", err)
	}
	return closer(func() error { return errors.Join(input.Close(), ignoreExit(sh.Wait())) }), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// ignoreExit returns nil for the exit of a kill that had nothing to kill.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// signal sends a signal to the process and to everything that it has started.
func (p *process) signal(sig syscall.Signal) {
	for _, pid := range family(p.pid()) {
		_ = syscall.Kill(pid, sig) // one that has ended meanwhile needs none
	}
}

// kill ends the process and its children at once and waits for its end.
func (p *process) kill() {
	p.once.Do(func() {
		p.signal(syscall.SIGKILL)
		<-p.exited
		_ = p.guard.Close() // it has nothing left to do
	})
}

// terminate asks the process to end and kills what is left after the limit.
func (p *process) terminate(sig syscall.Signal, limit time.Duration) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.exited:
	case <-time.After(limit):
	}
	p.kill()
}

// family returns the ids of a process and of its descendants.
func family(pid int) []int {
	children := make(map[int][]int)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid …, where the name may contain anything
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		pids = append(pids, children[pids[i]]...)
	}
	return pids
}

// await calls ready until it reports true, the process ends, or ctx is done.
func (p *process) await(ctx context.Context, name, log string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) {
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s has ended:\n%s", name, tail(log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", name, context.Cause(ctx), tail(log))
		}
	}
	return nil
}

// tail returns the end of a log file.
func tail(path string) string {
	text, _ := os.ReadFile(path) // without a log the error has nothing to add
	return string(text[max(0, len(text)-4<<10):])
}

// dial opens a connection that has a second for everything.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(time.Second))
}

// firstByte sends a greeting and returns the first byte of the answer.
func firstByte(ctx context.Context, addr, greeting string) (byte, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, greeting); err != nil {
		return 0, err
	}
	var b [1]byte
	_, err = io.ReadFull(conn, b[:])
	return b[0], err
}
