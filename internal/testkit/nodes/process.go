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

// start starts a program whose output goes to the file log. When this program dies, the process is killed with its
// descendants, and the directory dir, which holds its data, is removed.
func start(cmd *exec.Cmd, dir, log string) (*process, error) {
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
	dismiss, err := guard(cmd.Process.Pid, dir)
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		if dismiss != nil {
			dismiss()
		}
		close(p.exited)
	}()
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("guard %s: %w", filepath.Base(cmd.Path), err)
	}
	return p, nil
}

// guardScript waits for a line, which dismisses it, or for the end of its input, which the system brings about when this
// program dies, however that happens. It goes by descent: the children of a server may have groups and sessions of their
// own, and frozen ones do not notice that their parent has gone.
const guardScript = `
read _ && exit
family() { echo $1; for child in $(cat /proc/$1/task/*/children 2>/dev/null); do family $child; done; }
kill -9 $(family $1) 2>/dev/null
rm -rf "$2" || { sleep 1; rm -rf "$2"; } 2>/dev/null`

// guard starts a shell that waits for the death of this program, and returns what ends it before.
func guard(pid int, dir string) (dismiss func(), err error) {
	sh := exec.Command("/bin/sh", "-c", guardScript, "guard", strconv.Itoa(pid), dir)
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := sh.StdinPipe()
	if err == nil {
		err = sh.Start()
	}
	if err != nil {
		return nil, err
	}
	return func() {
		_, _ = io.WriteString(input, "\n") // fails only if somebody has killed the guard
		_ = sh.Wait()
	}, nil
}

// ended reports whether the process has ended; its descendants may live.
func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// signal sends a signal to the process and to its descendants, and returns their ids.
func (p *process) signal(sig syscall.Signal) []int {
	if p.ended() {
		return nil
	}
	pids := family(p.cmd.Process.Pid)
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig) // one that has ended meanwhile needs none
	}
	return pids
}

// endLimit bounds the wait for processes that were killed.
const endLimit = 5 * time.Second

// kill ends the process and its descendants at once and waits for their end: the ports and the data are free then.
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

// terminate asks the process to end and kills what is left after the limit.
func (p *process) terminate(sig syscall.Signal, limit time.Duration) {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.exited:
	case <-time.After(limit):
	}
	p.kill()
}

// family returns the ids of a process and of its descendants, which come after their parents.
func family(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i])) // the pattern is well formed
		for _, list := range lists {
			text, _ := os.ReadFile(list) // it has ended: no children
			for _, child := range strings.Fields(string(text)) {
				if id, err := strconv.Atoi(child); err == nil {
					pids = append(pids, id)
				}
			}
		}
	}
	return pids
}

// alive reports whether a process exists and is more than an entry that nobody has collected.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// pid (name) state …, where the name may contain anything
	state := strings.TrimSpace(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// await calls ready until it reports true, the process ends, or ctx is done.
func (p *process) await(ctx context.Context, name, log string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx) || p.ended() { // or somebody else has answered, on the port that was to be ours
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
