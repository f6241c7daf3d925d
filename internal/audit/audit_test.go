package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"restante/internal/auth"
	"restante/internal/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines keeps what is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) all(t *testing.T) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	return decoded(t, l.buf.Bytes())
}

func decoded(t *testing.T, text []byte) (all []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

func open(t *testing.T, cfg Config) *Log {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeLog(t, l) })
	return l
}

func closeLog(t *testing.T, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
}

func requestFrom(address string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = address
	return r
}

var from = netip.MustParseAddr("192.0.2.7")

func TestLog_SaysWhoDidWhatFromWhere(t *testing.T) {
	out := &lines{}
	l := open(t, Config{Node: "n1", Log: slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelError}))})
	remote.Wrap(remote.Config{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := auth.With(r.Context(), &auth.Client{ID: "ann", TokenID: "j1"})
		l.Note(ctx, Event{What: Denied, Outcome: No, Reason: "room", Room: "secret", Action: "GET /rooms", RequestID: "r-1"})
	})).ServeHTTP(httptest.NewRecorder(), requestFrom("192.0.2.7:1000"))
	l.Note(t.Context(), Event{What: DeadLetter, Outcome: OK, User: "root", Action: "dead drop", Count: 3})
	closeLog(t, l)
	got := out.all(t)
	if len(got) != 2 {
		t.Fatalf("%d lines: %v", len(got), got)
	}
	for i, want := range []map[string]any{
		{"audit": true, "node": "n1", "event": "denied", "outcome": "refused", "reason": "room", "sub": "ann", "jti": "j1", "from": "192.0.2.7",
			"action": "GET /rooms", "room": "secret", "request_id": "r-1", "msg": "audit", "level": "INFO"},
		{"audit": true, "node": "n1", "event": "dead_letter", "outcome": "ok", "user": "root", "action": "dead drop", "count": 3.0, "msg": "audit", "level": "INFO"},
	} {
		delete(got[i], "time")
		if fmt.Sprint(got[i]) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got[i], want)
		}
	}
}

func TestLog_TextsAreBoundedAndEscaped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, Config{File: path})
	l.Note(t.Context(), Event{What: Refused, Who: "a\nb\x1b[2J\u202ec\xff" + strings.Repeat("é", 1000)})
	closeLog(t, l)
	text, err := os.ReadFile(path)
	if err != nil || bytes.Count(text, []byte("\n")) != 1 || len(text) > 600 || bytes.ContainsAny(text, "\x1b\u202e") {
		t.Fatalf("%d bytes, %v: %q", len(text), err, text)
	}
	if sub := decoded(t, text)[0]["sub"].(string); !strings.HasPrefix(sub, `a\nb\x1b[2J\u202ec\xffé`) {
		t.Errorf("%q", sub)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v: %v", info.Mode(), err)
	}
}

// A flood makes a bounded number of lines, which say how many events there were, and leaves a line for everybody else.
func TestLog_AFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &lines{}
		l := open(t, Config{Log: slog.New(slog.NewJSONHandler(out, nil))})
		const each, addresses = 50, 5000
		for i := range addresses {
			addr := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
			for range each {
				l.Note(t.Context(), Event{What: Refused, Outcome: No, Reason: "signature", From: addr})
			}
			synctest.Wait()
		}
		l.Note(t.Context(), Event{What: SignIn, Outcome: OK, Who: "honest", From: from})
		synctest.Wait()
		if n := len(out.all(t)); n != fromOthers+1 {
			t.Errorf("%d lines in a window, want %d", n, fromOthers+1)
		}
		time.Sleep(window) // fake time
		synctest.Wait()
		got := out.all(t)
		if len(got) > 2*fromOthers+2 {
			t.Errorf("%d lines with the counts", len(got))
		}
		events, honest := 0, false
		for _, line := range got {
			more, counted := line["more"].(float64)
			if !counted {
				more = 1
			}
			if line["event"] == "refused" {
				events += int(more)
			}
			honest = honest || line["sub"] == "honest"
		}
		if events != each*addresses || !honest {
			t.Errorf("the lines tell of %d events of %d; an honest client's: %v", events, each*addresses, honest)
		}
		if kinds := len(l.tally.kinds); kinds != 0 {
			t.Errorf("%d kinds are remembered after the window", kinds)
		}
		l.Note(t.Context(), Event{What: Refused, Outcome: No, Reason: "signature", From: from})
		synctest.Wait()
		if n := len(out.all(t)); n != len(got)+1 {
			t.Error("the next window has no lines")
		}
	})
}

// What waits, or is counted, keeps nothing of the requests in memory.
func TestLog_KeepsNothingOfARequest(t *testing.T) {
	l := open(t, Config{Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	size := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := size()
	for i := range 4000 {
		head := strings.Repeat("x", 64<<10)
		l.Note(t.Context(), Event{What: Denied, Outcome: No, Reason: "room", Who: fmt.Sprint(i), Room: head[:10], Subject: head})
		l.Note(t.Context(), Event{What: Denied, Outcome: No, Reason: "room", Who: "all", Room: head[:10], Subject: head})
	}
	if after := size(); after > before+16<<20 {
		t.Errorf("%d MiB are kept of 250 MiB", (after-before)>>20)
	}
	runtime.KeepAlive(l)
}

func TestLog_TheNetworkOfAnAddressIsOneOwner(t *testing.T) {
	tally := newTally()
	lines := 0
	for i := range 100 {
		if tally.take(Event{What: Refused, From: netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))}) {
			lines++
		}
	}
	if rest := tally.rest(); lines != perKind || len(rest) != 1 || rest[0].more != 100-perKind {
		t.Errorf("%d lines, and %v", lines, rest)
	}
}

func TestLog_FollowsAFileThatIsMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	synctest.Test(t, func(t *testing.T) {
		l := open(t, Config{File: path})
		note := func(who string) {
			l.Note(t.Context(), Event{What: SignIn, Who: who})
			synctest.Wait()
		}
		note("ann")
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		note("bob")            // the name was not looked at yet
		time.Sleep(checkEvery) // fake time
		note("eve")
	})
	for file, want := range map[string]string{path + ".1": "ann bob ", path: "eve "} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, line := range decoded(t, text) {
			got += fmt.Sprint(line["sub"], " ")
		}
		if got != want {
			t.Errorf("%s has %q, want %q", file, got, want)
		}
	}
}

// A line that was cut does not spoil the next one.
func TestFile_ALineThatWasCutEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	f, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(`{"cut`))
	f.torn = true
	if _, err := f.Write([]byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	f.close()
	if text, _ := os.ReadFile(path); string(text) != "{\"cut\n{}\n" {
		t.Errorf("%q", text)
	}
}

func TestLog_OffAndNilNoteNothing(t *testing.T) {
	l, err := Open(Config{File: Off})
	if l != nil || err != nil {
		t.Fatalf("%v, %v", l, err)
	}
	l.Note(t.Context(), Event{What: SignIn})
	closeLog(t, l)
}

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	_, err := Open(Config{File: t.TempDir()})
	if err == nil || !strings.HasPrefix(err.Error(), "--audit-log: ") {
		t.Errorf("a directory: %v", err)
	}
}

func TestLog_ManyAtOnce(t *testing.T) {
	l := open(t, Config{Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 500 {
				l.Note(t.Context(), Event{What: SignIn, Who: fmt.Sprint(i)})
			}
		})
	}
	all.Wait()
	closeLog(t, l)
	if got := testutil.ToFloat64(l.written) + testutil.ToFloat64(l.dropped); got != 8*(perKind+1) {
		t.Errorf("%v lines, want %v", got, 8*(perKind+1))
	}
}
