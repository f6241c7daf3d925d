package signalr

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// eventStream is a client of the Server-Sent Events transport.
type eventStream struct {
	t      testing.TB
	resp   *http.Response
	in     *bufio.Reader
	cancel context.CancelFunc
}

func (r *rig) events(suffix string, headers ...string) *eventStream {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", r.http.URL+"/hub"+suffix, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = header(headers)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Client{Transport: r.client.Transport}).Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	e := &eventStream{r.t, resp, bufio.NewReader(resp.Body), cancel}
	r.t.Cleanup(e.close)
	e.line(":\r\n")
	return e
}

func (e *eventStream) close() {
	e.cancel()
	_ = e.resp.Body.Close()
}

func (e *eventStream) line(want string) {
	e.t.Helper()
	if got, err := e.in.ReadString('\n'); got != want {
		e.t.Fatalf("got line %q, %v; want %q", got, err, want)
	}
}

func (e *eventStream) expect(payload string) {
	e.t.Helper()
	e.line("data: " + payload + "\x1e\r\n")
	e.line("\r\n")
}

func TestEvents_Carry(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	e := r.events(suffix + "&room=b")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-store, no-transform", "Content-Encoding": "identity",
	} {
		if got := e.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	r.want(r.do("POST", suffix, jsonHandshake[:10]), 200, "")
	r.want(r.do("POST", suffix, jsonHandshake[10:]+`{"type":1,"invocationId":"0","target":"Echo","arguments":["a"]}`+"\x1e"), 200, "")
	got := ""
	for !strings.Contains(got, `"result":"a"`) { // in one event or in two
		line, err := e.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		got += line
	}
	if !strings.HasPrefix(got, "data: {}\x1e") {
		t.Errorf("%q", got)
	}
	e.line("\r\n")
	conn := r.nextConn()
	if conn.Transport() != ServerSentEvents || await(t, r.hub.queries).Get("room") != "b" {
		t.Error("transport or query")
	}
	conn.TryWrite([]byte("one\ntwo\r\nthree\x1e"))
	e.line("data: one\r\n")
	e.line("data: two\r\n")
	e.line("data: \r\n")
	e.line("data: three\x1e\r\n")
	e.line("\r\n")

	conn.Close("over", true)
	e.expect(`{"type":7,"error":"over","allowReconnect":true}`)
	if rest, err := io.ReadAll(e.in); err != nil || len(rest) > 0 {
		t.Errorf("after the Close message: %q, %v", rest, err)
	}
	await(t, r.hub.closed)
	r.want(r.do("POST", suffix, "x"), 404, "No Connection with that ID")
}

func TestEvents_RefuseMessagePack(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	e := r.events(suffix)
	r.want(r.do("POST", suffix, `{"protocol":"messagepack","version":1}`+"\x1e"), 200, "")
	e.expect(`{"error":"Cannot use the 'messagepack' protocol on the current transport. The transport does not support 'Binary' transfer format."}`)
}

func TestEvents_ClientThatLeavesIsForgotten(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	e := r.events(suffix)
	r.do("POST", suffix, jsonHandshake)
	e.expect("{}")
	e.close()
	await(t, r.hub.closed)
	for r.do("POST", suffix, "").status != 404 { // the handler ends just after the session
	}
}

func TestEvents_ConcurrentPostsWaitForEachOther(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	e := r.events(suffix)
	r.do("POST", suffix, jsonHandshake)
	e.expect("{}")
	const posts = 20
	var wg sync.WaitGroup
	for i := range posts {
		wg.Go(func() {
			r.want(r.do("POST", suffix, fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"Void","arguments":[]}`+"\x1e", i)), 200, "")
		})
	}
	seen := 0
	for seen < posts {
		line, err := e.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		seen += strings.Count(line, `"type":3`)
	}
	wg.Wait()
}

func TestEvents_FullQueueRefusesAndWakes(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	e := r.events(suffix)
	r.do("POST", suffix, jsonHandshake)
	e.expect("{}")
	conn := r.nextConn()
	message := strings.Repeat("x", 4000)
	n := 0
	for conn.TryWrite([]byte(message)) {
		if n++; n > 10_000 {
			t.Fatal("40 MB were taken from a client that reads nothing")
		}
	}
	done := make(chan error, 1)
	go func() { done <- write(context.Background(), conn, []byte(message+"last")) }()
	got := 0
	for last := false; !last; {
		line, err := e.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		got += strings.Count(line, "x")
		last = strings.Contains(line, "last")
	}
	if err := await(t, done); err != nil || got != (n+1)*4000 {
		t.Errorf("%d of %d bytes, %v", got, (n+1)*4000, err)
	}
}
