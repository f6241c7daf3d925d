package signalr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
)

func TestStateful_WhatEndsTheConnectionEndsItsToken(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		for name, end := range map[string]func(c *statefulClient, conn *Conn){
			"the hub's Close":      func(_ *statefulClient, conn *Conn) { conn.Close("over", false) },
			"Renew":                func(_ *statefulClient, conn *Conn) { conn.Renew() },
			"the client's Close":   func(c *statefulClient, _ *Conn) { c.say(c.protocol.appendClose(nil, "", false)) },
			"a Close frame, 1000":  func(c *statefulClient, _ *Conn) { c.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, ""))) },
			"nonsense":             func(c *statefulClient, _ *Conn) { c.say([]byte("\x02\xc1\xc1\x1e")) },
			"a frame without mask": func(c *statefulClient, _ *Conn) { _, _ = c.conn.Write([]byte{0x81, 0x01, 'x'}) },
			"a Sequence too high":  func(c *statefulClient, _ *Conn) { c.say(c.sequence(2)) },
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, statefulConfig)
				c, conn := r.stateful(p)
				end(c, conn)
				r.until(conn.stopped.Load)
				c.wantDead()
				c.cut()
				await(t, r.hub.closed)
				c.wantDead()
			})
			t.Run(name+" while away", func(t *testing.T) {
				if !strings.Contains(name, "hub") && name != "Renew" {
					return
				}
				r := newRig(t, statefulConfig)
				c, conn := r.stateful(p)
				c.cut()
				c.suspended(conn)
				end(c, conn)
				await(t, r.hub.closed)
				c.wantDead()
				if !conn.TryWrite([]byte("x")) || !errors.Is(conn.Wait(t.Context()), ErrClosed) {
					t.Error("the connection is not over")
				}
			})
		}
	})
}

func TestStateful_CloseFrameOfAProxyIsACut(t *testing.T) {
	for name, body := range map[string][]byte{
		"none": nil, "going away": ws.NewCloseFrameBody(1001, ""), "internal error": ws.NewCloseFrameBody(1011, ""), "restart": ws.NewCloseFrameBody(1012, ""),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, statefulConfig)
			c, conn := r.stateful(JSON)
			a := &testLog{"a"}
			mustPush(t, conn, a, 1, 1)
			c.expectAll("Got a1")
			c.frame(ws.NewCloseFrame(body))
			if got := c.next(); got != "closed 1000" {
				t.Errorf("got %q", got)
			}
			c.suspended(conn)
			c.redial()
			c.expectAll("sequence 1", "Got a1")
		})
	}
}

func TestStateful_OldVersionOfTheHandshakeTurnsItOff(t *testing.T) {
	r := newRig(t, statefulConfig)
	token := r.negotiateStateful()
	c := r.dial("?id=" + token)
	c.send(jsonHandshake)
	c.expectText("{}")
	conn := r.nextConn()
	mustPush(t, conn, &testLog{"a"}, 1, 1)
	c.read()
	c.send(`{"type":9,"sequenceId":5}` + "\x1e" + `{"type":1,"invocationId":"1","target":"Echo","arguments":[1]}` + "\x1e")
	c.expectText(`{"type":3,"invocationId":"1","result":1}`)
	if conn.resumable() != nil {
		t.Error("the connection is resumable")
	}
	_ = c.conn.Close()
	await(t, r.hub.closed)
	r.want(r.do("GET", "?id="+token, "", upgradeHeaders...), 404, "No Connection with that ID")
}

// upgradeHeaders ask for a WebSocket, for answers that are none.
var upgradeHeaders = []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}

func TestStateful_VersionTwoWithoutNegotiationIsOrdinary(t *testing.T) {
	r := newRig(t, statefulConfig)
	token := r.negotiate()
	c := r.dial("?id=" + token)
	c.send(`{"protocol":"json","version":2}` + "\x1e")
	c.expectText("{}")
	if _, ok := r.nextConn().out.(*socket); !ok {
		t.Error("an ordinary connection has another outlet than its socket")
	}
}

func TestStateful_BelongsToItsClient(t *testing.T) {
	r := newRig(t, Config{ReconnectWindow: time.Minute, Identify: func(r *http.Request) (Identity, *Refusal) {
		return Identity{Name: r.Header.Get("Authorization")}, nil
	}})
	c, conn := r.stateful(JSON, "Authorization", "ann")
	mustPush(t, conn, &testLog{"a"}, 1, 1)
	c.cut()
	c.suspended(conn)
	c.wantDead("Authorization", "bob")
	c.redial("Authorization", "ann")
	c.expectAll("sequence 1", "Got a1")
	c.wantDead("Authorization", "bob")
	c.say(c.sequence(1), c.call("1", "Echo", "1"))
	c.expectAll("answer 1")
}

func TestStateful_WhatCannotBeReadAgainEndsTheConnection(t *testing.T) {
	for err, outcome := range map[error]string{ErrRemoved: "removed", ErrForbidden: "forbidden"} {
		reg := prometheus.NewRegistry()
		cfg := statefulConfig
		cfg.Metrics = reg
		r := newRig(t, cfg)
		asked := make(chan []Run, 1)
		r.hub.replayable = func(runs []Run) error { asked <- runs; return err }
		c, conn := r.stateful(JSON)
		a := &testLog{"a"}
		mustPush(t, conn, a, 1, 3)
		c.say(c.ack(1))
		c.say(c.call("1", "Void"))
		c.expectAll("Got a1", "Got a2", "Got a3", "answer 1")
		c.cut()
		c.suspended(conn)
		c.wantDead()
		if runs := await(t, asked); len(runs) != 1 || runs[0] != a.run(2, 2) {
			t.Errorf("asked for %v", runs)
		}
		await(t, r.hub.closed)
		if n, _ := value(t, reg, "restante_signalr_stateful_reconnects_total", outcome); n != 1 {
			t.Errorf("%s: counted %v", outcome, n)
		}
	}
}

func TestStateful_WhatIsRemovedDuringTheReplayEndsTheConnection(t *testing.T) {
	r := newRig(t, statefulConfig)
	r.hub.replaying = func(context.Context, Run) error { return ErrRemoved }
	c, conn := r.stateful(JSON)
	mustPush(t, conn, &testLog{"a"}, 1, 1)
	c.cut()
	c.suspended(conn)
	c.redial()
	c.expectAll("sequence 1", "close", "closed 1000")
	if !strings.Contains(closeOf(JSON), "allowReconnect") {
		t.Error("the client does not connect again")
	}
	c.cut()
	await(t, r.hub.closed)
	c.wantDead()
}

func TestStateful_OtherRequestsWithTheToken(t *testing.T) {
	r := newRig(t, statefulConfig)
	c, _ := r.stateful(JSON)
	r.want(r.do("POST", "?id="+c.token, ""), 405, "")
	r.want(r.do("DELETE", "?id="+c.token, ""), 400, "")
	r.want(r.do("GET", "?id="+c.token, ""), 400, "")
	r.want(r.do("GET", "?id="+c.token, "", "Accept", "text/event-stream"), 400, "")
	token := r.negotiateStateful()
	p := r.do("GET", "?id="+token, "") // the token opens the other transports, too
	r.want(p, 200, "")
	r.want(r.do("POST", "?id="+token, `{"protocol":"json","version":2}`+"\x1e"), 200, "")
	r.want(r.do("GET", "?id="+token, ""), 200, "{}\x1e")
	unknown := statefulMark + strings.Repeat("x", secretLength)
	r.want(r.do("GET", "?id="+unknown, "", upgradeHeaders...), 404, "No Connection with that ID")
}

func TestStateful_SlowPeerDoesNotHoldUpTheHub(t *testing.T) {
	r := newRig(t, Config{ReconnectWindow: time.Minute, SendBuffer: 16 << 10})
	c, conn := r.stateful(JSON)
	a := &testLog{strings.Repeat("long ", 1000)}
	sent := int64(0)
	for sent < 400 { // more than the network takes at once
		before := sent
		for push(conn, a, sent+1, 1) {
			sent++
		}
		c.expectAll(gots(a, before+1, sent-before)...)
	}
	c.cut()
	c.suspended(conn)
	c.redial() // and read nothing
	start := time.Now()
	for range 1000 {
		if push(conn, a, sent+1, 1) {
			t.Fatal("accepted while the peer takes nothing")
		}
	}
	if took := time.Since(start); took > testTimeout/2 {
		t.Errorf("TryWrite took %s", took)
	}
	c.expectAll("sequence 1")
	c.expectAll(gots(a, 1, sent)...)
	mustPush(t, conn, a, sent+1, 1)
	c.expectAll(gots(a, sent+1, 1)...)
}

func TestStateful_AnswersAreKeptUpToABound(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		reg := prometheus.NewRegistry()
		r := newRig(t, Config{ReconnectWindow: time.Minute, Metrics: reg})
		c, conn := r.stateful(p)
		c.mute = true
		large, n := fmt.Sprintf("%q", strings.Repeat("x", 30_000)), int64(0)
		call := func() {
			n++
			c.say(c.call(fmt.Sprint(n%10), "Echo", large))
			c.expectAll(record(fmt.Sprint("answer ", n%10)))
		}
		for range 4 {
			call()
		}
		r.until(func() bool {
			s := conn.resumable()
			s.mu.Lock()
			defer s.mu.Unlock()
			return !s.sent.whole() && s.sent.bytes <= keptBound
		})
		c.say(c.ack(2)) // more than was forgotten
		call()
		c.cut()
		c.suspended(conn)
		c.redial()
		c.expectAll("sequence 3", "answer 3", "answer 4", "answer 5")
		call()
		call()
		c.cut()
		c.suspended(conn)
		c.wantDead()
		await(t, r.hub.closed)
		if n, _ := value(t, reg, "restante_signalr_stateful_reconnects_total", "forgotten"); n != 1 {
			t.Errorf("counted %v", n)
		}
	})
}

func TestStateful_AcknowledgesManyBytesAtOnce(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		cfg := statefulConfig
		cfg.KeepAlive = 24 * time.Hour
		r := newRig(t, cfg)
		c, _ := r.stateful(p)
		start := time.Now()
		large := fmt.Sprintf("%q", strings.Repeat("x", 6_000))
		c.say(bytes.Repeat(c.call("1", "BadArgs", large), 3))
		for got := record(""); got != "ack 3"; got = c.any() {
			if time.Since(start) > testTimeout {
				t.Fatal("no acknowledgement")
			}
		}
	})
}
