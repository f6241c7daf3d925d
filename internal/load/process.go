package load

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// Command says how to start a server process.
type Command struct {
	Path string   // path of the binary
	Args []string // arguments: serve --listen 127.0.0.1:0 --log-format json …; the address is read from the log
	Env  []string // further environment variables, NAME=value
	CPUs string   // when not empty: run on these cores only, a list for taskset

	Roots *x509.CertPool // certificate authorities of the server's certificate, if it has one; default: the system's

	LogFile string // when not empty: a file for the whole log; Process.Log keeps its newest part only
}

// WithoutLimits returns the flags of a server without limits for clients.
func WithoutLimits() []string {
	return []string{
		"--limit-sends=-1", "--limit-requests=-1", "--limit-connections=-1", "--limit-connections-per-address=-1",
		"--limit-connections-per-client=-1", "--limit-rooms=-1", "--limit-rooms-per-client=-1",
	}
}

// Process is a running server. Its methods may be called concurrently.
type Process struct {
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{}
	url    string
}

// serving finds the address in the log line that contains it.
var serving = regexp.MustCompile(`"msg":"serving","url":"(https?://[^"]+)"`)

// StartProcess starts a server and returns when it is ready (GET /readyz). If it ends first, or is not ready before ctx
// ends, the error has its log. The caller must end the process, with Kill or Stop.
func StartProcess(ctx context.Context, c Command) (*Process, error) {
	name, args := c.Path, c.Args
	if c.CPUs != "" {
		name, args = "taskset", append([]string{"-c", c.CPUs, c.Path}, c.Args...)
	}
	p := &Process{cmd: exec.Command(name, args...), log: newLogBuffer(), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.SysProcAttr = childAttributes()
	var output io.Writer = p.log
	var file *os.File // closing a nil file does nothing
	if c.LogFile != "" {
		var err error
		if file, err = os.OpenFile(c.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
			return nil, fmt.Errorf("start server: %w", err)
		}
		output = io.MultiWriter(p.log, file)
	}
	p.cmd.Stdout, p.cmd.Stderr = output, output
	if err := p.cmd.Start(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("start server: %w", err)
	}
	go func() {
		_ = p.cmd.Wait() // ExitCode has the result
		_ = file.Close()
		close(p.exited)
	}()
	if err := p.ready(ctx, c.Roots); err != nil {
		p.Kill()
		return nil, fmt.Errorf("start server: %w; its log:\n%s", err, p.Log())
	}
	return p, nil
}

func (p *Process) ready(ctx context.Context, roots *x509.CertPool) error {
	select {
	case p.url = <-p.log.address:
	case <-p.exited:
		return fmt.Errorf("it ended with exit code %d", p.cmd.ProcessState.ExitCode())
	case <-ctx.Done():
		return fmt.Errorf("its log does not say its address: %w", context.Cause(ctx))
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := Ready(ctx, p.url, roots)
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("it ended with exit code %d", p.cmd.ProcessState.ExitCode())
		case <-ctx.Done():
			return fmt.Errorf("it is not ready (status %d): %w", status, errors.Join(context.Cause(ctx), err))
		}
	}
}

// Ready requests /readyz and returns the HTTP status. roots may be nil, as in Command.
func Ready(ctx context.Context, base string, roots *x509.CertPool) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, err
}

// URL returns the server's address: http://host:port, or https:// when it has a certificate.
func (p *Process) URL() string { return p.url }

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log returns the server's standard output and standard error so far, or the newest part of them.
func (p *Process) Log() string { return p.log.String() }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the process as kill -9 does, and waits until it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only when the process has ended already
	<-p.exited
}

// Terminate sends SIGTERM and returns at once.
func (p *Process) Terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// Stop sends SIGTERM, waits until the process has ended, and returns the exit code. When ctx ends first it kills the
// process and returns an error.
func (p *Process) Stop(ctx context.Context) (int, error) {
	if err := p.Terminate(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return -1, fmt.Errorf("stop server: %w", err)
	}
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		p.Kill()
		return -1, fmt.Errorf("stop server: not done in time, killed: %w", context.Cause(ctx))
	}
}

// logBytes bounds how much of a server's log is kept.
const logBytes = 4 << 20

// logBuffer keeps the newest part of a log and finds the address in it.
type logBuffer struct {
	mu      sync.Mutex
	text    []byte
	address chan string // gets the address, once
	found   bool
	line    []byte // the unfinished line, which may contain the address
}

func newLogBuffer() *logBuffer { return &logBuffer{address: make(chan string, 1)} }

// Write implements io.Writer.
func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.text)+len(b) > logBytes {
		l.text = append([]byte(nil), l.text[len(l.text)/2:]...)
	}
	l.text = append(l.text, b...)
	if !l.found {
		l.line = append(l.line, b...)
		l.find()
	}
	return len(b), nil
}

func (l *logBuffer) find() {
	lines := bufio.NewScanner(bytes.NewReader(l.line[:bytes.LastIndexByte(l.line, '\n')+1]))
	for lines.Scan() {
		if m := serving.FindSubmatch(lines.Bytes()); m != nil {
			l.found = true
			l.address <- string(m[1])
			return
		}
	}
	l.line = l.line[bytes.LastIndexByte(l.line, '\n')+1:]
}

// String returns the part that is kept.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
