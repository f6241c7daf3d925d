package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// program is a running client. Its output is kept, and is printed if the test fails.
type program struct {
	t       *testing.T
	cmd     *exec.Cmd
	input   io.WriteCloser
	began   time.Time
	exited  chan struct{} // closed when the program has ended and all its output is read
	exitErr error         // read it after exited is closed

	mu      sync.Mutex
	lines   []line
	output  bytes.Buffer  // everything printed, with times
	changed chan struct{} // closed and replaced with every line
}

// start starts a program, which ends with the test.
func start(t *testing.T, command []string, s settings) *program {
	t.Helper()
	p := &program{t: t, began: time.Now(), exited: make(chan struct{}), changed: make(chan struct{})}
	args := append(command[1:len(command):len(command)], encode(t, s))
	p.cmd = exec.Command(command[0], args...)
	p.cmd.Stderr = logged{p}
	p.cmd.WaitDelay = 5 * time.Second
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.read(output)
		p.exitErr = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // fails when it has ended
		<-p.exited
		if t.Failed() {
			t.Logf("%s\n%s", p.cmd, p.output.String())
		}
	})
	return p
}

// logged adds what a program writes to standard error to its output.
type logged struct{ p *program }

func (l logged) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.p.output.Write(b)
}

// read keeps what the program prints. Lines that are not JSON come from a package that logs.
func (p *program) read(output io.Reader) {
	for scanner := bufio.NewScanner(output); scanner.Scan(); {
		var l line
		err := json.Unmarshal(scanner.Bytes(), &l)
		p.mu.Lock()
		fmt.Fprintf(&p.output, "%.3f %s\n", time.Since(p.began).Seconds(), scanner.Bytes())
		if err == nil {
			p.lines = append(p.lines, l)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

// command sends a line to the program.
func (p *program) command(name string, value any) {
	p.t.Helper()
	if _, err := io.WriteString(p.input, encode(p.t, map[string]any{name: value})+"\n"); err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
}

// await waits until done reports true for the lines so far, and returns them. The test fails if the program ends before.
func (p *program) await(ctx context.Context, what string, done func(lines []line) bool) []line {
	p.t.Helper()
	for {
		p.mu.Lock()
		lines, changed := p.lines, p.changed
		p.mu.Unlock()
		if done(lines) {
			return lines
		}
		select {
		case <-changed:
		case <-p.exited:
			p.mu.Lock()
			last := len(p.lines) == len(lines)
			p.mu.Unlock()
			if last {
				p.t.Fatalf("waiting for %s: the program has ended: %v", what, p.exitErr)
			}
		case <-ctx.Done():
			p.t.Fatalf("waiting for %s: %v", what, ctx.Err())
		}
	}
}

// stop tells the program to end, which it must do with exit code 0 and in time, and returns all its lines.
func (p *program) stop() []line {
	p.t.Helper()
	p.command("stop", true)
	select {
	case <-p.exited:
	case <-time.After(15 * time.Second):
		p.t.Fatal("the program does not stop")
	}
	if p.exitErr != nil {
		p.t.Errorf("the program stopped with %v", p.exitErr)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines
}
