package signalr

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pollClient is a client of the long polling transport that has done its handshake.
type pollClient struct {
	*rig
	suffix string
	conn   *Conn
}

func (r *rig) poll() *pollClient {
	r.t.Helper()
	p := &pollClient{rig: r, suffix: "?id=" + r.negotiate()}
	r.want(p.get(), 200, "")
	r.want(r.do("POST", p.suffix, jsonHandshake), 200, "")
	r.want(p.get(), 200, "{}\x1e")
	p.conn = r.nextConn()
	return p
}

func (p *pollClient) get() answer { return p.do("GET", p.suffix+"&_=1", "") }

// later polls in the background.
func (p *pollClient) later() <-chan answer {
	ch := make(chan answer, 1)
	before := p.present()
	go func() { ch <- p.get() }()
	p.until(func() bool { return p.present() != before })
	return ch
}

// present returns the channel of the newest poll, which identifies it.
func (p *pollClient) present() chan struct{} {
	q, ok := p.conn.out.(*queue)
	if !ok {
		p.t.Fatal("not a queue")
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.newest
}

// waiting is the number of polls that have reached the server.
func (p *pollClient) waiting() int32 {
	q, ok := p.conn.out.(*queue)
	if !ok {
		p.t.Fatal("not a queue")
	}
	return q.polls.Load()
}

// until waits for a state that no channel signals.
func (r *rig) until(reached func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(testTimeout); !reached(); time.Sleep(time.Millisecond) { //nolint:forbidigo // there is no event to wait for
		if time.Now().After(deadline) {
			r.t.Fatal("waited in vain")
		}
	}
}

func TestLongPolling_Carries(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	for _, m := range []string{"a", "b", "c"} {
		p.conn.TryWrite([]byte(m))
	}
	a := p.get()
	r.want(a, 200, "abc")
	for name, want := range map[string]string{
		"Content-Type": "application/octet-stream", "Content-Length": "3", "Cache-Control": "no-cache, no-store, no-transform", "Pragma": "no-cache",
		"Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
	} {
		if a.header.Get(name) != want {
			t.Errorf("%s: %q", name, a.header.Get(name))
		}
	}
	next := p.later()
	p.conn.TryWrite([]byte("d"))
	r.want(await(t, next), 200, "d")
	r.want(r.do("POST", p.suffix, `{"type":1,"invocationId":"0","target":"Void","arguments":[]}`+"\x1e"), 200, "")
	r.want(p.get(), 200, `{"type":3,"invocationId":"0"}`+"\x1e")
}

func TestLongPolling_MessagePack(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("GET", suffix, ""), 200, "")
	r.want(r.do("POST", suffix, `{"protocol":"messagepack","version":1}`+"\x1e"+string(unhex(t, "0c 95 01 80 a1 30 a4 4563686f 91 c3"))), 200, "")
	r.want(r.do("GET", suffix, ""), 200, "{}\x1e"+string(unhex(t, "07 95 03 80 a1 30 03 c3")))
}

func TestLongPolling_PollTimesOutEmpty(t *testing.T) {
	r := newRig(t, Config{PollTimeout: 20 * time.Millisecond})
	p := r.poll()
	r.want(p.get(), 200, "")
	r.want(p.get(), 200, "")
}

func TestLongPolling_NewerPollTakesOver(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	old := p.later()
	newer := p.later()
	r.want(await(t, old), 204, "")
	p.conn.TryWrite([]byte("x"))
	r.want(await(t, newer), 200, "x")
}

func TestLongPolling_AbortedPollSwallowsNothing(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	before := p.present()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", r.http.URL+"/hub"+p.suffix, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() {
		resp, err := r.client.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		gone <- err
	}()
	r.until(func() bool { return p.present() != before })
	cancel()
	if err := await(t, gone); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r.until(func() bool { return p.waiting() == 0 })
	p.conn.TryWrite([]byte("x"))
	r.want(p.get(), 200, "x")
}

func TestLongPolling_Delete(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	pending := p.later()
	r.want(r.do("DELETE", p.suffix, ""), 202, "")
	r.want(await(t, pending), 204, "")
	r.want(p.get(), 404, "No Connection with that ID")
	await(t, r.hub.closed)
}

func TestLongPolling_Ends(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	r.want(r.do("POST", p.suffix, `{"type":7}`+"\x1e"), 200, "")
	r.want(p.get(), 200, `{"type":7}`+"\x1e")
	r.want(p.get(), 204, "")
	r.want(p.get(), 404, "No Connection with that ID")
	await(t, r.hub.closed)

	p = r.poll()
	pending := p.later()
	r.want(r.do("POST", p.suffix, "[]\x1e"), 200, "")
	r.want(await(t, pending), 200, closeOf(JSON))
	r.want(r.do("POST", p.suffix, ""), 404, "No Connection with that ID")
	r.want(p.get(), 204, "")
	await(t, r.hub.closed)
}

// TestLongPolling_DrainBeforeTheHandshake: the poll that waits for the answer to a handshake ends without one, see Conn.closeWith.
func TestLongPolling_DrainBeforeTheHandshake(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("GET", suffix+"&_=1", ""), 200, "")
	answered := make(chan answer, 1)
	go func() { answered <- r.do("GET", suffix+"&_=2", "") }()
	go func() { _ = r.server.Drain(context.Background()) }()
	if got := await(t, answered); got.body != "" || got.status != 204 {
		t.Errorf("%d %q", got.status, got.body)
	}
}

func TestLongPolling_BodyOfAnyLength(t *testing.T) {
	r := newRig(t, Config{MaxMessage: 1000, MessageRate: -1})
	p := r.poll()
	r.want(r.do("POST", p.suffix, strings.Repeat(`{"type":6}`+"\x1e", 10_000)), 200, "")
	r.want(r.do("POST", p.suffix, strings.Repeat("x", 5000)), 200, "")
	r.want(p.get(), 200, closeOf(JSON))
}

// brokenWriter fails like a connection that the client has left.
type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
func (brokenWriter) Header() http.Header       { return http.Header{} }
func (brokenWriter) WriteHeader(int)           {}

func TestLongPolling_FailedAnswerIsKept(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	p.conn.TryWrite([]byte("a"))
	req, err := http.NewRequest("GET", "/hub"+p.suffix, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.server.ServeHTTP(brokenWriter{}, req)
	p.conn.TryWrite([]byte("b"))
	r.want(p.get(), 200, "ab")
}
