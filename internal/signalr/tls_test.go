package signalr

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// newTLSRig is newRig for a server that terminates TLS itself. It speaks HTTP/2 with clients that can; WebSockets use
// HTTP/1.1.
func newTLSRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	hub := newEchoHub()
	r := &rig{t: t, hub: hub, server: New(hub, cfg)}
	r.http = httptest.NewUnstartedServer(r.server)
	r.http.EnableHTTP2 = true
	r.http.StartTLS()
	r.client = r.http.Client()
	r.client.Timeout = testTimeout
	roots := r.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	r.tls = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	t.Cleanup(func() {
		r.server.Close()
		r.client.CloseIdleConnections()
		r.http.Close()
	})
	return r
}

func TestTLS_WebSockets(t *testing.T) {
	r := newTLSRig(t, Config{})
	c := r.dial("?id=" + r.negotiate())
	if _, ok := c.conn.(*tls.Conn); !ok {
		t.Fatalf("not over TLS: %T", c.conn)
	}
	all := jsonHandshake + `{"type":1,"invocationId":"7","target":"Echo","arguments":["€"]}` + "\x1e"
	for i := range len(all) { // a record each
		c.frame(ws.NewFrame(ws.OpCode(1-min(i, 1)), i == len(all)-1, []byte{all[i]}))
	}
	c.expectText("{}")
	c.expectText(`{"type":3,"invocationId":"7","result":"€"}`)
	long := `"` + strings.Repeat("x", 200_000) + `"`
	c.send(`{"type":1,"invocationId":"8","target":"Echo","arguments":[` + long + `]}` + "\x1e")
	c.expectText(`{"type":3,"invocationId":"8","result":` + long + `}`)
	c.send(`{"type":7}` + "\x1e")
	c.expectText(`{"type":7}`)
	c.expectEnd(ws.StatusNormalClosure)
	await(t, r.hub.closed)
}

// Over TLS nothing can be written at once: every payload is pending first.
func TestTLS_SlowReaderLosesNothing(t *testing.T) {
	r := newTLSRig(t, Config{})
	c := r.connect("messagepack")
	conn := r.nextConn()
	const total = 300
	noise := bytes.Repeat([]byte("0123456789abcdef"), (8<<20+total)/16+1)
	done := make(chan error, 1)
	go func() {
		for n := range uint32(total) {
			if err := write(context.Background(), conn, number(noise, n)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for n := range uint32(total) {
		if f := c.read(); !bytes.Equal(f.Payload, number(noise, n)) {
			t.Fatalf("frame %d is another", n)
		}
	}
	if err := await(t, done); err != nil {
		t.Fatal(err)
	}
}

func TestTLS_StuckReaderIsCutAtTheEnd(t *testing.T) {
	r := newTLSRig(t, Config{})
	r.connect("json")
	stick(t, r.nextConn())
	r.server.Close() // hangs if a write does
	await(t, r.hub.closed)
}

func TestTLS_PeerThatIsGoneIsForgotten(t *testing.T) {
	r := newTLSRig(t, Config{})
	c := r.connect("json")
	_ = c.conn.(*tls.Conn).NetConn().Close() // without a word of TLS either
	await(t, r.hub.closed)
}

func TestTLS_EventsOverHTTP2(t *testing.T) {
	r := newTLSRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	e := r.events(suffix)
	if e.resp.ProtoMajor != 2 {
		t.Fatal(e.resp.Proto)
	}
	r.want(r.do("POST", suffix, jsonHandshake), 200, "")
	e.expect("{}")
	r.want(r.do("POST", suffix, voidCall), 200, "")
	e.expect(`{"type":3,"invocationId":"0"}`)
	r.nextConn().Close("bye", true)
	e.expect(`{"type":7,"error":"bye","allowReconnect":true}`)
	if line, err := e.in.ReadString('\n'); err == nil {
		t.Errorf("the stream goes on with %q", line)
	}
	await(t, r.hub.closed)

	suffix = "?id=" + r.negotiate()
	e = r.events(suffix)
	r.want(r.do("POST", suffix, jsonHandshake), 200, "")
	e.expect("{}")
	e.close() // resets the stream; the connection below it goes on
	await(t, r.hub.closed)
	r.until(func() bool { return r.do("POST", suffix, "").status == 404 })
}

func TestTLS_LongPollingOverHTTP2(t *testing.T) {
	r := newTLSRig(t, Config{})
	if resp, err := r.client.Get(r.http.URL + "/hub"); err != nil || resp.ProtoMajor != 2 {
		t.Fatal(resp, err)
	}
	p := r.poll()
	next := p.later()
	r.want(r.do("POST", p.suffix, voidCall), 200, "")
	r.want(await(t, next), 200, `{"type":3,"invocationId":"0"}`+"\x1e")
	old := p.later()
	newer := p.later()
	r.want(await(t, old), 204, "")
	r.want(r.do("DELETE", p.suffix, ""), 202, "")
	r.want(await(t, newer), 204, "")
	await(t, r.hub.closed)
}
