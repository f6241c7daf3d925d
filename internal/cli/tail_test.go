package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/chat"
)

// tailing is a running `restante tail`.
type tailing struct {
	out, err *lines
	end      func() int // interrupts the command and returns the exit code
}

func startTail(t *testing.T, args ...string) *tailing {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tl := &tailing{out: &lines{changed: make(chan struct{}, 1)}, err: &lines{changed: make(chan struct{}, 1)}}
	done := make(chan int, 1)
	go func() { done <- Main(ctx, append([]string{"tail"}, args...), strings.NewReader(""), tl.out, tl.err) }()
	ended := false
	tl.end = func() int { cancel(); ended = true; return <-done }
	t.Cleanup(func() {
		if !ended {
			tl.end()
		}
	})
	return tl
}

func (s *testServer) send(texts ...string) {
	s.t.Helper()
	if got := run(s.t.Context(), strings.Join(texts, "\n"), "send", "--url", s.url(), "--client-id", "ann"); got.code != exitOK {
		s.t.Fatalf("%+v", got)
	}
}

func TestTail_HistoryThenLive(t *testing.T) {
	s := startServer(t)
	s.send("one", "two", "three\x1b[31m")
	tl := startTail(t, "--url", s.url(), "--after", "1")
	got := tl.out.wait(t, 2)
	if !strings.HasSuffix(got[0], " ann: two") || !strings.HasSuffix(got[1], ` ann: three\x1b[31m`) {
		t.Errorf("%q", got)
	}
	s.send("four")
	if got := tl.out.wait(t, 3); !strings.HasSuffix(got[2], " ann: four") {
		t.Errorf("%q", got)
	}
	if code := tl.end(); code != exitOK {
		t.Error("interrupted: exit code", code)
	}
}

func TestTail_SinceATime(t *testing.T) {
	s := startServer(t)
	s.send("one", "two")
	resp := startTail(t, "--url", s.url(), "--after", "0", "--json").out.wait(t, 1)
	var first chat.Message
	if err := json.Unmarshal([]byte(resp[0]), &first); err != nil {
		t.Fatal(err)
	}
	exact := startTail(t, "--url", s.url(), "--since", first.StoredAt.Format(time.RFC3339Nano))
	if got := exact.out.wait(t, 1); !strings.HasSuffix(got[0], "two") {
		t.Errorf("after the first message's time: %q", got)
	}
	ago := startTail(t, "--url", s.url(), "--since", "1h")
	if got := ago.out.wait(t, 2); !strings.HasSuffix(got[0], "one") {
		t.Errorf("of the last hour: %q", got)
	}
}

func TestTail_NothingLostOrDoubledAcrossRestarts(t *testing.T) {
	s := startServer(t)
	tl := startTail(t, "--url", s.url(), "--after", "0", "--json")
	const rounds, each = 3, 20
	for round := range rounds {
		var texts []string
		for n := range each {
			texts = append(texts, fmt.Sprintf("%d.%d", round, n))
		}
		s.send(texts[:each/2]...)
		if round%2 == 0 {
			tl.out.wait(t, round*each+each/2) // in these rounds the command is level when the server stops
		}
		s.stop()
		s.start()
		s.send(texts[each/2:]...)
	}
	for i, line := range tl.out.wait(t, rounds*each) {
		var m chat.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Seq != int64(i+1) {
			t.Fatalf("line %d: %s", i+1, line)
		}
	}
}

// TestTail_FromNowIsFixedBeforeTheFirstMessage breaks the stream before its first message.
func TestTail_FromNowIsFixedBeforeTheFirstMessage(t *testing.T) {
	s := startServer(t)
	s.send("before")
	asked := make(chan string, 10)
	first := true
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			asked <- r.URL.Query().Get("after")
			if first {
				first = false
				s.send("meanwhile")
				panic(http.ErrAbortHandler)
			}
		}
		resp, err := http.Get(s.url() + r.URL.RequestURI())
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		_, _ = io.Copy(flusher{w}, resp.Body)
	}))
	tl := startTail(t, "--url", proxy.URL)
	if got := tl.out.wait(t, 1); !strings.HasSuffix(got[0], "meanwhile") {
		t.Errorf("%q", got)
	}
	if a, b := <-asked, <-asked; a != "1" || b != "1" {
		t.Errorf("asked for what comes after %s, then after %s", a, b)
	}
	tl.end()
	s.stop()
	proxy.Close()
	http.DefaultClient.CloseIdleConnections()
}

type flusher struct{ w http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	_ = http.NewResponseController(f.w).Flush()
	return n, err
}

// fakeEvents starts a server that answers every request with the same page or stream.
func fakeEvents(t *testing.T, contentType, stream string) string {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, stream)
	}))
	t.Cleanup(fake.Close)
	return fake.URL
}

func TestTail_HidesRepeatsAndReportsGaps(t *testing.T) {
	event := func(seq int) string {
		return fmt.Sprintf("id: %d\nevent: message\ndata: {\"seq\":%d,\"client_id\":\"ann\",\"msg\":\"m%d\"}\n\n", seq, seq, seq)
	}
	url := fakeEvents(t, "text/event-stream", ":\n"+event(5)+event(5)+event(6)+"event: other\ndata: x\n\n"+event(4)+event(7))
	tl := startTail(t, "--url", url, "--after", "2", "--json")
	tl.err.wait(t, 2) // the gap, and the end of the stream
	got := tl.out.wait(t, 3)
	if len(got) != 3 || !strings.Contains(got[0], "m5") || !strings.Contains(got[1], "m6") || !strings.Contains(got[2], "m7") {
		t.Errorf("%q", got)
	}
	if notes := tl.err.wait(t, 2); !strings.Contains(notes[0], "no longer keeps 2 messages, up to number 4") {
		t.Errorf("%q", notes)
	}
}

// scripted is a server of event streams: each connection gets the next text, and the last one stays open.
type scripted struct {
	asked chan string // the cursor of each connection: its query and its Last-Event-ID
	url   string
}

func startScripted(t *testing.T, streams ...string) *scripted {
	s := &scripted{asked: make(chan string, len(streams))}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			_, _ = io.WriteString(w, `{"messages":[],"last_seq":4,"oldest_seq":1,"epoch":"e1"}`)
			return
		}
		n := len(s.asked)
		s.asked <- r.URL.RawQuery + " " + r.Header.Get("Last-Event-ID")
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(flusher{w}, streams[n])
		if n == len(streams)-1 {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func scriptedEvent(seq int, id, text string) string {
	return fmt.Sprintf("id: %s\nevent: message\ndata: {\"seq\":%d,\"client_id\":\"ann\",\"msg\":%q}\n\n", id, seq, text)
}

func TestTail_GoesOnWithTheIdOfTheLastEventAndTellsResets(t *testing.T) {
	s := startScripted(t,
		scriptedEvent(5, "5;e1", "five")+scriptedEvent(6, "6;e1", "six"),
		"id: 4;e2\nevent: reset\ndata: {\"room\":\"lobby\",\"reason\":\"epoch\",\"epoch\":\"e2\",\"last_seq\":5,\"after\":4}\n\n",
		scriptedEvent(5, "5;e2", "another five"),
		"id: 9;e2\nevent: reset\ndata: {\"room\":\"lobby\",\"reason\":\"floor\",\"epoch\":\"e2\",\"last_seq\":9,\"after\":9,\"from\":6}\n\n"+
			scriptedEvent(10, "10;e2", "ten"),
	)
	tl := startTail(t, "--url", s.url, "--json")
	got := strings.Join(tl.out.wait(t, 4), "\n")
	for _, text := range []string{`"five"`, `"six"`, `"another five"`, `"ten"`} {
		if !strings.Contains(got, text) {
			t.Errorf("without %s: %s", text, got)
		}
	}
	tl.end()
	notes := strings.Join(tl.err.wait(t, 1), "\n")
	for _, text := range []string{"(epoch e2): what you have of the room after number 4 is not in it", "no longer keeps the messages from number 6 to 9"} {
		if strings.Count(notes, text) != 1 {
			t.Errorf("not told once: %s: %s", text, notes)
		}
	}
	if strings.Contains(notes, "no longer keeps 3") {
		t.Errorf("what a reset has told is told again: %s", notes)
	}
	for _, want := range []string{"after=4&epoch=e1 ", "after=6&epoch=e1 6;e1", "after=4&epoch=e2 4;e2", "after=5&epoch=e2 5;e2"} {
		if got := <-s.asked; got != want {
			t.Errorf("asked with %q, want %q", got, want)
		}
	}
}

func TestTail_TakesACursorWithItsEpoch(t *testing.T) {
	for after, want := range map[string]string{"41;e1": "after=41&epoch=e1 ", "41": "after=41 ", "41.7;e1": "after=41&epoch=e1 "} {
		s := startScripted(t, ":\n")
		tl := startTail(t, "--url", s.url, "--after", after)
		if got := <-s.asked; got != want {
			t.Errorf("%s: asked with %q, want %q", after, got, want)
		}
		tl.end()
	}
}

func TestTail_AddressOfAnotherServer(t *testing.T) {
	url := fakeEvents(t, "text/html", "<h1>It works!</h1>")
	got := run(t.Context(), "", "tail", "--url", url, "--after", "0")
	if got.code != exitFailed || !strings.Contains(got.err, "restante server") {
		t.Errorf("%+v", got)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestTail_EndsWhenItsOutputIsClosed(t *testing.T) {
	s := startServer(t)
	s.send("one")
	var notes lines
	if code := Main(t.Context(), []string{"tail", "--url", s.url(), "--after", "0"}, strings.NewReader(""), brokenPipe{}, &notes); code != exitOK {
		t.Errorf("exit code %d, %s", code, notes.buf.String())
	}
}

// heartbeats is a stream that sends a comment every 15 seconds, and then nothing any more.
type heartbeats struct {
	ctx  context.Context
	left *int
}

func (h heartbeats) Read(p []byte) (int, error) {
	if *h.left == 0 {
		<-h.ctx.Done()
		return 0, h.ctx.Err()
	}
	*h.left--
	time.Sleep(15 * time.Second) // fake time
	return copy(p, ":\n"), nil
}

func (h heartbeats) Close() error { return nil }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFollower_EndsASilentStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beats := 10
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: heartbeats{r.Context(), &beats}}, nil
		})
		f := &follower{client: &client{base: "http://h", room: "lobby", http: &http.Client{Transport: transport}}, out: io.Discard, notes: io.Discard}
		f.retrier = newRetrier(0, func(error) {})
		start := time.Now()
		err := f.follow(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no sign of life") || time.Since(start) != 10*15*time.Second+silence {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
