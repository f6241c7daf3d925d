package nodes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server's process with all its descendants.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// start starts a program whose output goes to the file log. When this program dies, the process and its descendants are
// killed, and the directory dir, which has its data, is removed.
func start(cmd *exec.Cmd, dir, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr.Setpgid = true // a Ctrl-C at the terminal must not reach the server
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	dismiss, err := startReaper(cmd.Process.Pid, dir)
	go func() {
		_ = cmd.Wait() // the log has the reason
		if dismiss != nil {
			dismiss()
		}
		close(p.exited)
	}()
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("start the reaper of %s: %w", filepath.Base(cmd.Path), err)
	}
	return p, nil
}

// reaperScript waits for a line, which tells it to exit, or for the end of its input, which comes when this program
// dies for whatever reason. Then it kills the process and its descendants. It finds them by their parents, because
// children of a server may have their own groups and sessions, and frozen ones do not notice the death of their parent.
const reaperScript = `
read _ && exit
family() { echo $1; for child in $(cat /proc/$1/task/*/children 2>/dev/null); do family $child; done; }
kill -9 $(family $1) 2>/dev/null
rm -rf "$2" || { sleep 1; rm -rf "$2"; } 2>/dev/null`

// startReaper starts a shell that waits for the death of this program, and returns a function that ends the shell.
func startReaper(pid int, dir string) (dismiss func(), err error) {
	sh := exec.Command("/bin/sh", "-c", reaperScript, "reaper", strconv.Itoa(pid), dir)
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := sh.StdinPipe()
	if err == nil {
		err = sh.Start()
	}
	if err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(input, "\n") // fails only if the shell was killed
		_ = sh.Wait()
	}, nil
}

// ended reports whether the process has ended. Its descendants may still run.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// signal sends a signal to the process and its descendants, and returns their ids.
func (p *process) signal(sig syscall.Signal) []int {
	if p.ended() {
		return nil
	}
	pids := descendants(p.cmd.Process.Pid)
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // fails only if the process has ended
	}
	return pids
}

// endLimit bounds the wait for processes that were killed.
const endLimit = 5 * time.Second

// kill kills the process and its descendants and waits for their end. Then their ports and data are free.
func (p *process) kill() {
	pids := p.signal(syscall.SIGKILL)
	<-p.exited
	deadline := time.After(endLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for _, pid := range pids {
		for alive(pid) {
			select {
			case <-tick.C:
			case <-deadline:
				return
			}
		}
	}
}

// terminate sends sig, and kills the process and its descendants after the limit.
func (p *process) terminate(sig syscall.Signal, limit time.Duration) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.exited:
	case <-time.After(limit):
	}
	p.kill()
}

// descendants returns the ids of a process and its descendants; parents come before their children.
func descendants(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i])) // the pattern is valid
		for _, list := range lists {
			text, _ := os.ReadFile(list) // a process that has ended has no children
			for _, child := range strings.Fields(string(text)) {
				if id, err := strconv.Atoi(child); err == nil {
					pids = append(pids, id)
				}
			}
		}
	}
	return pids
}

// alive reports whether a process runs. A zombie does not.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The format is: pid (name) state …, where the name may contain anything.
	state := strings.TrimSpace(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// await calls ready until it reports true, the process ends, or ctx is done.
func (p *process) await(ctx context.Context, name, log string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) || p.ended() { // ended: then another program has answered, on the same port
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("%s has ended:\n%s", name, tail(log))
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) { // by the caller, who needs no log
				return fmt.Errorf("start of %s: %w", name, context.Cause(ctx))
			}
			return fmt.Errorf("%s is not ready: %w\n%s", name, context.Cause(ctx), tail(log))
		}
	}
	return nil
}
