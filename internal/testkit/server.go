package testkit

import (
	"context"
	"crypto/x509"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/load"
)

// Options change how a server is started. The zero value is a server with its data in a temporary directory.
type Options struct {
	Binary string // path of the binary; default: the one under test

	Data string   // directory of its data; default: a temporary one
	Args []string // further flags of `restante serve`
	Env  []string // further variables, NAME=value

	Roots *x509.CertPool // who has signed the certificate that Args name, if any

	Limits bool // the limits of --limit-… are the product's; otherwise there are none but those that Args name

	operator func() string // makes a token that may read the metrics, when it takes one
}

// Server is a running server, in a process of its own. The test that started it fails if the process says that it has
// seen a data race, and prints the log if it fails itself.
type Server struct {
	t       testing.TB
	o       Options
	url     string // stays the same over restarts, and may be asked for beside them
	process *load.Process
	record  *record // of the process
}

// startLimit bounds the start of a server, which is slow under the race detector on a busy machine.
const startLimit = 30 * time.Second

// Start starts a server that ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Data == "" {
		o.Data = filepath.Join(t.TempDir(), "data")
	}
	s := &Server{t: t, o: o}
	s.start("127.0.0.1:0")
	t.Cleanup(s.end)
	return s
}

// TryStart starts a server that may refuse to: the error then has its exit code and log. A server that did start is
// killed at once.
func TryStart(t testing.TB, o Options) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	p, err := load.StartProcess(ctx, command(t, o, "127.0.0.1:0", newRecord(t)))
	if err == nil {
		p.Kill()
	}
	return err
}

func command(t testing.TB, o Options, listen string, r *record) load.Command {
	t.Helper()
	args := []string{"serve", "--listen", listen, "--data", o.Data, "--log-format", "json"}
	if !o.Limits {
		args = append(args, load.WithoutLimits()...)
	}
	args = append(args, o.Args...)
	env := slices.Concat([]string{"GORACE=atexit_sleep_ms=0"}, r.env(), o.Env) // or a binary with the race detector takes a second to exit
	if o.Binary == "" {
		o.Binary = Binary(t)
	}
	return load.Command{Path: o.Binary, Args: args, Env: env, Roots: o.Roots, LogFile: r.logFile()}
}

func (s *Server) start(listen string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), startLimit)
	defer cancel()
	s.record = newRecord(s.t)
	p, err := load.StartProcess(ctx, command(s.t, s.o, listen, s.record))
	if err != nil {
		s.t.Fatal(err)
	}
	s.process = p
	if s.url == "" {
		s.url = p.URL()
	}
}

func (s *Server) end() {
	s.recordMetrics()
	s.process.Kill()
	s.checkLog()
}

// recordMetrics keeps the metrics, if they are wanted, of a process that still runs.
func (s *Server) recordMetrics() {
	if s.record == nil {
		return
	}
	select {
	case <-s.process.Exited():
		return
	default:
	}
	token := ""
	if s.o.operator != nil {
		token = s.o.operator()
	}
	if err := s.record.keepMetrics(context.WithoutCancel(s.t.Context()), s.URL(), token, s.o.Roots); err != nil {
		s.t.Logf("the metrics are not kept: %v", err)
	}
}

// checkLog looks for what a log must never have.
func (s *Server) checkLog() {
	log := s.Log()
	for _, bad := range []string{"DATA RACE", "panic:", "goroutine 1 ["} {
		if strings.Contains(log, bad) {
			s.t.Errorf("the server's log has %q", bad)
		}
	}
	if s.t.Failed() {
		s.t.Logf("log of the server (the end of it):\n%s", log[max(0, len(log)-16<<10):])
	}
}

// URL returns the server's address, http://host:port, or https: when it has a certificate.
func (s *Server) URL() string { return s.url }

// Addr returns the server's address, host:port.
func (s *Server) Addr() string { return s.url[strings.Index(s.url, "//")+2:] }

// PID returns the process id.
func (s *Server) PID() int { return s.process.PID() }

// Log returns what the running process has logged.
func (s *Server) Log() string { return s.process.Log() }

// Data returns the directory of the server's data.
func (s *Server) Data() string { return s.o.Data }

// Kill ends the server as kill -9 does.
func (s *Server) Kill() { s.process.Kill() }

// Terminate sends SIGTERM and returns at once.
func (s *Server) Terminate() {
	s.t.Helper()
	if err := s.process.Terminate(); err != nil {
		s.t.Fatalf("terminate server: %v", err)
	}
}

// Stop sends SIGTERM and returns the exit code; the test fails if the server is not gone within limit.
func (s *Server) Stop(limit time.Duration) int {
	s.t.Helper()
	s.recordMetrics()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	code, err := s.process.Stop(ctx)
	if err != nil {
		s.t.Fatalf("%v; its log:\n%s", err, s.Log())
	}
	return code
}

// Restart starts the server again, after Kill or Stop, on the same data and the same port.
func (s *Server) Restart() {
	s.t.Helper()
	addr := s.Addr()
	s.checkLog()
	if _, _, err := net.SplitHostPort(addr); err != nil {
		s.t.Fatalf("restart server: %v", err)
	}
	s.start(addr)
}

// RestartAs is Restart with another binary, as an upgrade does it.
func (s *Server) RestartAs(binary string) {
	s.t.Helper()
	s.o.Binary = binary
	s.Restart()
}

// Ready returns the HTTP status of /readyz, 0 when there is no answer.
func (s *Server) Ready() int {
	status, err := load.Ready(s.t.Context(), s.URL(), s.o.Roots)
	if err != nil {
		return 0
	}
	return status
}

// Usage returns what the server's process has used.
func (s *Server) Usage() load.Usage {
	s.t.Helper()
	u, err := load.UsageOf(s.PID())
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

// ReadRoom returns the whole log of a room.
func (s *Server) ReadRoom(room string) []chat.Message {
	s.t.Helper()
	stored, err := load.ReadRoom(s.t.Context(), s.URL(), room, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return stored
}

// settleLimit is how long a message that was accepted may take to be stored, also after a fault.
const settleLimit = 30 * time.Second

// WaitSeq waits until the room has the message with the number seq: a message may be accepted some time before.
func (s *Server) WaitSeq(room string, seq int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), settleLimit)
	defer cancel()
	if err := load.WaitSeq(ctx, s.URL(), room, seq); err != nil {
		s.t.Error(err)
	}
}

// Check waits until what was accepted is stored, reads the room, and fails the test if a promise is broken for it.
func (s *Server) Check(room string, sends []load.Send, readings []load.Reading) load.Report {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), settleLimit)
	defer cancel()
	if err := load.WaitStored(ctx, s.URL(), room, sends); err != nil {
		s.t.Error(err)
	}
	report := load.Check(load.Evidence{Sends: sends, Stored: s.ReadRoom(room), Readings: readings})
	if err := report.Err(); err != nil {
		s.t.Errorf("promises broken: %v", err)
	}
	return report
}
