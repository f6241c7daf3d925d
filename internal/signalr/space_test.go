package signalr

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"restante/internal/memory"
)

// owned makes every request one of the owner that its header names.
func owned(c Config) Config {
	c.Identify = func(r *http.Request) (Identity, *Refusal) { return Identity{Owner: r.Header.Get("Owner")}, nil }
	return c
}

// A client has only so many tokens that it has not used.
func TestNegotiate_UnusedTokensOfAClient(t *testing.T) {
	r := newRig(t, owned(Config{MaxUnusedPerClient: 3}))
	var tokens []string
	for range 3 {
		tokens = append(tokens, r.negotiate("Owner", "ann"))
	}
	a := r.do("POST", "/negotiate?negotiateVersion=1", "", "Owner", "ann")
	if r.want(a, 429, "Too many negotiated connections of this client wait to be opened"); a.header.Get("Retry-After") == "" {
		t.Error("the refusal does not say when to try again")
	}
	r.negotiate("Owner", "bob")
	r.want(r.do("GET", "?id="+tokens[0], "", "Owner", "ann"), 200, "")
	r.negotiate("Owner", "ann")
	if n := r.server.registry.waiting; n["ann"] != 3 || n["bob"] != 1 {
		t.Errorf("%v tokens wait", n)
	}
}

// Connections, and tokens, that have no space are refused before they are made.
func TestConn_BeyondTheMemoryIsRefused(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 64 << 10})
	r := newRig(t, Config{Memory: budget})
	token := r.negotiate()
	rest := budget.Hold(memory.Body, "")
	if err := rest.Grow(budget.Limit() - budget.Used() - 100); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]answer{
		"a negotiation": r.do("POST", "/negotiate?negotiateVersion=1", ""),
		"a poll":        r.do("GET", "?id="+token, ""),
	} {
		if a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %q", name, a.status, a.body)
		}
	}
	for _, suffix := range []string{"", "?id=" + token} {
		if _, err := r.tryDial(suffix); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("a WebSocket at %q: %v", suffix, err)
		}
	}
	rest.Release()
	r.want(r.do("GET", "?id="+token, ""), 200, "") // the token can still be used
}

// A connection whose bytes have no space ends; its client may connect again.
func TestConn_BytesBeyondTheMemoryEndIt(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 1 << 20})
	r := newRig(t, Config{Memory: budget, SendBuffer: 16 << 10})
	c := r.connect("json")
	conn := r.nextConn()
	rest := budget.Hold(memory.Body, "")
	if err := rest.Grow(budget.Limit() - budget.Used() - 16<<10); err != nil {
		t.Fatal(err)
	}
	for conn.TryWrite([]byte(`"` + strings.Repeat("x", 60<<10) + `"` + "\x1e")) {
		if conn.stopped.Load() {
			break
		}
	}
	r.until(func() bool { return conn.over.Load() })
	if why := cause(conn.cause.Load()); why != causeMemory {
		t.Errorf("it ended because of %v", why)
	}
	_ = c.conn.Close()
	rest.Release()
}

// So does one over long polling. It gets all that came before.
func TestPoll_BytesBeyondTheMemoryEndIt(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 1 << 20})
	r := newRig(t, Config{Memory: budget})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("GET", suffix, ""), 200, "")
	r.want(r.do("POST", suffix, jsonHandshake), 200, "")
	conn := r.nextConn()
	r.want(r.do("GET", suffix, ""), 200, "{}\x1e")
	rest := budget.Hold(memory.Body, "")
	if err := rest.Grow(budget.Limit() - budget.Used() - 16<<10); err != nil {
		t.Fatal(err)
	}
	first := `"` + strings.Repeat("1", 10<<10) + `"` + "\x1e"
	if !conn.TryWrite([]byte(first)) || conn.TryWrite([]byte(strings.Repeat("2", 20<<10))) {
		t.Error("what has no space beside pending bytes must wait")
	}
	r.want(r.do("GET", suffix, ""), 200, first)
	if !conn.TryWrite([]byte(strings.Repeat("3", 40<<10))) || !conn.TryWrite([]byte("4\x1e")) {
		t.Error("what can never be kept must not wait")
	}
	a := r.do("GET", suffix, "")
	if !strings.HasPrefix(a.body, `{"type":7,`) || !strings.Contains(a.body, `"allowReconnect":true`) {
		t.Errorf("the client is told %q", a.body)
	}
	if cause(conn.cause.Load()) != causeMemory {
		t.Errorf("it ended because of %v", cause(conn.cause.Load()))
	}
	rest.Release()
}

// A message that is not complete is counted, and ends its connection when there is no space.
func TestConn_PartialMessageBeyondTheMemoryEndsIt(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 1 << 20})
	r := newRig(t, Config{Memory: budget, MessageRate: -1})
	c := r.connect("json")
	conn := r.nextConn()
	c.send(`{"type":1,"target":"` + strings.Repeat("x", 100<<10))
	r.until(func() bool { return budget.Of(memory.Partial) >= 100<<10 })
	rest := budget.Hold(memory.Body, "")
	if err := rest.Grow(budget.Limit() - budget.Used()); err != nil {
		t.Fatal(err)
	}
	c.frame(ws.NewFrame(ws.OpText, true, []byte(strings.Repeat("y", 100<<10))))
	if f := c.read(); !strings.HasPrefix(string(f.Payload), `{"type":7,`) || !strings.Contains(string(f.Payload), `"allowReconnect":true`) {
		t.Errorf("the client is told %q", f.Payload)
	}
	r.until(func() bool { return cause(conn.cause.Load()) == causeMemory && budget.Of(memory.Partial) == 0 })
	rest.Release()
}

// A call that has no space fails, and the connection goes on.
func TestConn_CallBeyondTheMemoryFails(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 1 << 20})
	r := newRig(t, Config{Memory: budget})
	c := r.connect("json")
	rest := budget.Hold(memory.Body, "")
	if err := rest.Grow(budget.Limit() - budget.Used()); err != nil {
		t.Fatal(err)
	}
	c.send(echoCall("1", "a"))
	c.expectText(`{"type":3,"invocationId":"1","error":"An unexpected error occurred invoking 'Echo' on the server. HubException: ` +
		`unavailable: the server has no memory left for this; try again in 1 s"}`)
	rest.Release()
	c.send(echoCall("2", "a"))
	c.expectText(`{"type":3,"invocationId":"2","result":"a"}`)
}

// What a client has not acknowledged is forgotten when there is no space for it. The connection goes on, and can be taken up again
// after the client has acknowledged.
func TestStateful_WhatHasNoSpaceIsForgotten(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 1 << 20})
	cfg := statefulConfig
	cfg.Memory = budget
	r := newRig(t, cfg)
	c, conn := r.stateful(JSON)
	answer := strings.Repeat("x", 12<<10)
	c.say(c.call("1", "Echo", `"`+answer+`"`))
	c.read()
	if budget.Of(memory.Kept) < len(answer) {
		t.Errorf("%d bytes are counted for an answer of %d", budget.Of(memory.Kept), len(answer))
	}
	rest := budget.Hold(memory.Body, "")
	if err := rest.Grow(budget.Limit() - budget.Used() - 32<<10); err != nil {
		t.Fatal(err)
	}
	for n := range 4 { // fewer bytes than a connection remembers
		if err := write(t.Context(), conn, []byte(`{"type":6}`+strings.Repeat(" ", 16<<10)+"\x1e")); err != nil {
			t.Fatal(n, err)
		}
		c.read()
	}
	again := conn.resumable()
	again.mu.Lock()
	whole := again.sent.whole()
	again.mu.Unlock()
	if whole || budget.Of(memory.Kept) > 48<<10 {
		t.Errorf("all is remembered: %v, %d bytes", whole, budget.Of(memory.Kept))
	}
	c.say(c.ack(5))
	r.until(func() bool { return budget.Of(memory.Kept) == 0 })
	c.cut()
	c.suspended(conn)
	c.redial()
	rest.Release()
}

// endless is a reserver that has space for everything.
type endless struct{}

func (endless) reserve(int) error { return nil }
