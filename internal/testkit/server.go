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

// Options say how to start a server. The zero value is a server with its data in a temporary directory.
type Options struct {
	Binary string // path of the binary; default: the one under test

	Data string   // data directory; default: a temporary one
	Args []string // further flags of `restante serve`
	Env  []string // further environment variables, NAME=value

	Roots *x509.CertPool // certificate authorities of the certificate in Args, if any

	EpochsEnd bool // the test makes the store lose messages; otherwise no epoch may end

	Limits bool // keep the default limits of --limit-…; otherwise only those in Args apply

	operator func() string // makes a token that may read the metrics; nil without authentication
}

// Server is a running server process. The test fails if the process reports a data race. If the test fails, it prints
// the server's log.
type Server struct {
	t       testing.TB
	o       Options
	url     string // is the same after a restart, and may be read during one
	process *load.Process
	record  *record // record of the process
}

// startLimit bounds the start of a server. A start is slow under the race detector on a busy machine.
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

// TryStart starts a server that may refuse to start: the error then has its exit code and log. A server that did start
// is killed at once.
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
	// Most tests have no load balancer that must notice a stop.
	args := []string{"serve", "--listen", listen, "--data", o.Data, "--log-format", "json", "--drain-delay", "0s"}
	if !o.Limits {
		args = append(args, load.WithoutLimits()...)
	}
	args = append(args, o.Args...)
	env := slices.Concat([]string{"GORACE=atexit_sleep_ms=0"}, r.env(), o.Env) // without this, a binary with the race detector takes a second to exit
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

// recordMetrics records the metrics of a process that still runs.
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
		s.t.Logf("the metrics are not recorded: %v", err)
	}
}

// checkLog fails the test if the log has something that no log may have.
func (s *Server) checkLog() {
	log := s.Log()
	for _, bad := range []string{"DATA RACE", "panic:", "goroutine 1 ["} {
		if strings.Contains(log, bad) {
			s.t.Errorf("the server's log has %q", bad)
		}
	}
	if !s.o.EpochsEnd && strings.Contains(log, "the epoch of the store ends") {
		s.t.Error("an epoch of the store has ended, and nothing was lost")
	}
	if s.t.Failed() {
		s.t.Logf("log of the server (the end of it):\n%s", log[max(0, len(log)-16<<10):])
	}
}

// URL returns the server's address: http://host:port, or https:// when it has a certificate.
func (s *Server) URL() string { return s.url }

// Addr returns the server's address, host:port.
func (s *Server) Addr() string { return s.url[strings.Index(s.url, "//")+2:] }

// PID returns the process id.
func (s *Server) PID() int { return s.process.PID() }

// Log returns the log of the running process.
func (s *Server) Log() string { return s.process.Log() }

// Data returns the server's data directory.
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

// Stop sends SIGTERM and returns the exit code. The test fails if the server has not ended within limit.
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

// Usage returns the resource usage of the server's process.
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

// storedLimit is how long an accepted message may take to be stored, even after a fault.
const storedLimit = 30 * time.Second

// WaitSeq waits until the room has the message with the number seq. A message may be accepted some time before it is
// stored.
func (s *Server) WaitSeq(room string, seq int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), storedLimit)
	defer cancel()
	if err := load.WaitSeq(ctx, s.URL(), room, seq); err != nil {
		s.t.Error(err)
	}
}

// Check waits until every accepted message is stored, reads the room, and fails the test if a promise is broken.
func (s *Server) Check(room string, sends []load.Send, readings []load.Reading) load.Report {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), storedLimit)
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
