package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/config"
	"restante/internal/server"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainWithoutBinary(m) }

// outcome is what a command printed, and its exit code.
type outcome struct {
	code     int
	out, err string
}

// run runs a command until it ends.
func run(ctx context.Context, stdin string, args ...string) outcome {
	var out, err bytes.Buffer
	code := Main(ctx, args, strings.NewReader(stdin), &out, &err)
	return outcome{code, out.String(), err.String()}
}

// testServer is a server that can be stopped and started again on the same address and data.
type testServer struct {
	t    *testing.T
	cfg  config.Config
	stop func()
}

func startServer(t *testing.T) *testServer {
	t.Helper()
	s := &testServer{t: t, cfg: config.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *testServer) start() {
	s.t.Helper()
	running, err := server.Start(s.t.Context(), s.cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	s.cfg.Listen = running.Addr()
	s.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := running.Stop(ctx); err != nil {
			s.t.Error("stop:", err)
		}
	})
}

func (s *testServer) url() string { return "http://" + s.cfg.Listen }

// log returns the texts of the room, and checks that the messages are numbered 1, 2, 3, …
func (s *testServer) log(room string) []string {
	s.t.Helper()
	resp, err := http.Get(s.url() + "/messages/since?since=2000-01-01T00:00:00Z&room=" + room)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	var messages []struct {
		Seq int
		Msg string
	}
	if err := json.NewDecoder(resp.Body).Decode(&messages); err != nil {
		s.t.Fatal(err)
	}
	var texts []string
	for i, m := range messages {
		if m.Seq != i+1 {
			s.t.Errorf("message %d has the number %d", i+1, m.Seq)
		}
		texts = append(texts, m.Msg)
	}
	return texts
}

func TestMain_Help(t *testing.T) {
	if got := run(t.Context(), ""); got.code != exitOK || !strings.Contains(got.out, "restante serve") {
		t.Errorf("no arguments: %+v", got)
	}
	for _, command := range []string{"serve", "send", "tail", "bench", "token", "health", "version"} {
		got := run(t.Context(), "", command, "--help")
		if got.code != exitOK || got.err != "" || !strings.Contains(got.out, "Examples:\n\n    restante "+command) {
			t.Errorf("%s --help: code %d, %s%s", command, got.code, got.out, got.err)
		}
	}
}

func TestMain_UsageErrors(t *testing.T) {
	for _, line := range []string{
		"nonsense", "serve --nonsense", "serve --listen :8080", "serve --drain soon", "serve --log-level loud",
		"send --url nonsense hi", "send --url ftp://x hi", "send --room NO hi", "send --timeout -1s hi", "send --quiet --json hi",
		"tail --after -1", "tail --after x", "tail --after 1;", "tail --after 1;a;b", "tail --since yesterday", "tail --after 1 --since 1h", "tail --after=", "tail --since=", "tail --since 25:00", "tail --since -1d", "send --on-error maybe hi", "send --timeout 10 hi", "bench --senders 1_0", "tail --url http://h/?q=1",
		"health --url nonsense", "health --timeout 0s", "health now",
	} {
		if got := run(t.Context(), "", strings.Fields(line)...); got.code != exitUsage || got.err == "" || got.out != "" {
			t.Errorf("%s: %+v", line, got)
		}
	}
	t.Setenv("RESTANTE_CLIENT_ID", "\x01")
	if got := run(t.Context(), "", "send", "hi"); got.code != exitUsage || !strings.Contains(got.err, "--client-id") {
		t.Errorf("an invalid client id: %+v", got)
	}
}

func TestVersion(t *testing.T) {
	got := run(t.Context(), "", "version")
	if got.code != exitOK || !strings.HasPrefix(got.out, "restante ") || !strings.Contains(got.out, "go1.") {
		t.Errorf("%+v", got)
	}
	got = run(t.Context(), "", "version", "--json")
	var build struct{ Version, Go string }
	if err := json.Unmarshal([]byte(got.out), &build); err != nil || build.Version == "" || build.Go == "" {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestServe_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := &lines{changed: make(chan struct{}, 1)}
	done := make(chan int)
	go func() {
		done <- Main(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, strings.NewReader(""), log, log)
	}()
	serving := ""
	for n := 1; !strings.Contains(serving, `"serving"`); n++ { // the lines before it tell of the new database
		serving = log.wait(t, n)[n-1]
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(serving), &line); err != nil {
		t.Fatalf("the log of a server without a terminal is not JSON: %q", serving)
	}
	says := func(key, prefix string) bool {
		value, _ := line[key].(string)
		return value != "" && strings.HasPrefix(value, prefix)
	}
	if !says("url", "http://127.0.0.1:") || !says("authentication", "none") || !says("version", "") || !says("store", "sqlite:") ||
		!says("broker", "inproc:") || !says("roles", "api,consumer,hub") {
		t.Errorf("the line does not describe the server: %v", line)
	}
	cancel()
	if code := <-done; code != exitOK {
		t.Errorf("exit code %d; log:\n%s", code, strings.Join(log.wait(t, 0), "\n"))
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain, ünïcode, 日本語":   "plain, ünïcode, 日本語",
		"family 👨‍👩‍👧, flag 🇨🇭": "family 👨‍👩‍👧, flag 🇨🇭",
		"a\x1b[31mred":          `a\x1b[31mred`,
		"two\nlines\tand\r":     `two\nlines\tand\r`,
		"\u009b31m":             `\u009b31m`,
		"\u202eevil\u2066":      `\u202eevil\u2066`,
		"a\u2028b":              `a\u2028b`,
		"مرحبا \u200fRLM":       "مرحبا \u200fRLM",
		"a\xffb\x9b31m":         `a\xffb\x9b31m`,
		"\ufffd":                "\ufffd",
		"\x00\x7f\u061c":        `\x00\x7f` + "\u061c",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// lines is a writer. A test can wait for its lines.
type lines struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.buf.Write(p)
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return n, err
}

// wait returns the lines as soon as there are at least n.
func (l *lines) wait(t *testing.T, n int) []string {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		got := strings.Split(strings.TrimSuffix(l.buf.String(), "\n"), "\n")
		count := strings.Count(l.buf.String(), "\n")
		l.mu.Unlock()
		if count >= n {
			return got
		}
		select {
		case <-l.changed:
		case <-limit:
			t.Fatalf("%d lines, want %d:\n%s", count, n, strings.Join(got, "\n"))
		}
	}
}
