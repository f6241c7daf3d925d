package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// bare is a server that is started without testkit's process, which reads the log all the time and knows one signal.
type bare struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	exited chan error
}

// startBare starts a server whose log goes to the file.
func startBare(t *testing.T, log *os.File, args ...string) *bare {
	t.Helper()
	addr := testkit.FreeAddr(t)
	args = slices.Concat([]string{"serve", "--listen", addr, "--data", t.TempDir(), "--log-format", "json"}, load.WithoutLimits(), args)
	b := &bare{t: t, cmd: exec.Command(testkit.Binary(t), args...), url: "http://" + addr, exited: make(chan error, 1)}
	b.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	b.cmd.Stderr = log
	noError(t, b.cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); b.exited <- b.cmd.Wait() }()
	t.Cleanup(func() {
		_ = b.cmd.Process.Kill() // it may have ended
		<-ended
	})
	eventually(t, "the server is ready", func() bool { return b.status("GET", "/readyz") == http.StatusOK })
	return b
}

// status returns the status of an answer, 0 without one.
func (b *bare) status(method, path string) int {
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, nil)
	noError(b.t, err)
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (b *bare) signal(s syscall.Signal) {
	b.t.Helper()
	noError(b.t, b.cmd.Process.Signal(s))
}

// exit waits for the end of the process and returns its error, nil for exit code 0.
func (b *bare) exit(limit time.Duration) error {
	b.t.Helper()
	select {
	case err := <-b.exited:
		return err
	case <-time.After(limit):
		b.t.Fatalf("it has not ended within %v", limit)
		return nil
	}
}

func logFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "log")
	noError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Each of the signals that end programs is a stop, with all that belongs to it. The end of a session at a terminal is SIGHUP.
func TestSignals_EachIsAStop(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			file := logFile(t)
			b := startBare(t, file)
			b.signal(s)
			if err := b.exit(15 * time.Second); err != nil {
				t.Errorf("it ended with %v", err)
			}
			text, err := os.ReadFile(file.Name())
			noError(t, err)
			if !strings.Contains(string(text), `"msg":"stopped"`) {
				t.Errorf("its log does not end with a stop:\n%s", text)
			}
		})
	}
}

// A second signal ends the server at once, also while load balancers get time to notice the first one.
func TestSignals_TheSecondOneEndsItAtOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			b := startBare(t, logFile(t), "--drain", "5m", "--drain-delay", "5m")
			b.signal(syscall.SIGTERM)
			eventually(t, "the server is not ready", func() bool { return b.status("GET", "/readyz") == http.StatusServiceUnavailable })
			if status := b.status("POST", "/message?msg=hi&client_id=ann"); status != http.StatusAccepted {
				t.Errorf("a message during the delay is answered %d", status)
			}
			b.signal(s)
			if err := b.exit(10 * time.Second); err == nil {
				t.Error("it ended as if it had stopped")
			}
		})
	}
}

// A server whose log nobody reads, at the level that logs most, accepts messages as ever. What was lost is counted, and told
// when the log is read again: each line is whole. A stop waits for nobody either.
func TestLog_ThatNobodyReadsStopsNothing(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	noError(t, err)
	b := startBare(t, w, "--log-level", "debug")
	noError(t, w.Close())
	const messages = 400
	post := func(n int) {
		t.Helper()
		for i := range n {
			path := "/message?client_id=ann&msg=" + url.QueryEscape(fmt.Sprint("message ", i))
			if status := b.status("POST", path); status != http.StatusAccepted {
				t.Fatalf("message %d is answered %d", i, status)
			}
		}
	}
	post(messages) // far more than the 64 KiB of a pipe
	for lost := 0; lost == 0; lost = lostLines(t, b.url) {
		post(messages) // until memory is used up, too
	}
	lost := lostLines(t, b.url)

	lines := bufio.NewReader(r)
	told := 0
	for told < lost {
		line, err := lines.ReadBytes('\n')
		noError(t, err)
		var entry struct {
			Msg   string
			Lines int
		}
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatalf("not a whole line: %q", line)
		}
		if strings.HasPrefix(entry.Msg, "lines of the log were lost") {
			told += entry.Lines
		}
	}

	for now := lost; now == lost; now = lostLines(t, b.url) { // nobody reads again
		post(messages)
	}
	b.signal(syscall.SIGTERM)
	if err := b.exit(15 * time.Second); err != nil {
		t.Errorf("it ended with %v", err)
	}
	rest, err := io.ReadAll(lines)
	noError(t, err)
	if n := len(rest); n == 0 || rest[n-1] != '\n' {
		t.Errorf("the last of %d bytes is no whole line", n)
	}
	noError(t, r.Close())
}

// The end of what reads the log does not end the server.
func TestLog_ThatIsClosedStopsNothing(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	noError(t, err)
	b := startBare(t, w, "--log-level", "debug")
	noError(t, w.Close())
	noError(t, r.Close())
	if status := b.status("POST", "/message?msg=hi&client_id=ann"); status != http.StatusAccepted {
		t.Errorf("a message is answered %d", status)
	}
	if lostLines(t, b.url) == 0 {
		t.Error("no line is lost")
	}
	b.signal(syscall.SIGTERM)
	if err := b.exit(15 * time.Second); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// lostLines returns the server's count of lost lines of its log.
func lostLines(t *testing.T, url string) int {
	t.Helper()
	for _, line := range get200(t, url+"/metrics") {
		if m := regexp.MustCompile(`^restante_log_lines_lost_total (\S+)$`).FindStringSubmatch(line); m != nil {
			n, err := strconv.ParseFloat(m[1], 64)
			noError(t, err)
			return int(n)
		}
	}
	t.Fatal("the number of lost lines is not shown")
	return 0
}
