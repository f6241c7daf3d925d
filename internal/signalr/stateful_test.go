package signalr

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestStateful_IsNegotiatedWhenAsked(t *testing.T) {
	on, off := newRig(t, statefulConfig), newRig(t, Config{})
	for query, want := range map[string]bool{
		"negotiateVersion=1&useStatefulReconnect=true": true, "negotiateVersion=1&USESTATEFULRECONNECT=True": true,
		"negotiateVersion=0&useStatefulReconnect=true": true,
		"negotiateVersion=1":                           false, "negotiateVersion=1&useStatefulReconnect=false": false, "negotiateVersion=1&useStatefulReconnect=1": false,
	} {
		for r, offered := range map[*rig]bool{on: true, off: false} {
			body := r.do("POST", "/negotiate?"+query, "").body
			var n negotiation
			if err := json.Unmarshal([]byte(body), &n); err != nil {
				t.Fatal(err)
			}
			token := n.Token
			if token == "" {
				token = n.ID
			}
			if got := strings.Contains(body, `"useStatefulReconnect":true`); got != (want && offered) || isStateful(token) != got {
				t.Errorf("%s, offered %v: %s", query, offered, body)
			}
		}
	}
}

func TestStateful_ClientThatComesBackGetsWhatItLacks(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		r := newRig(t, statefulConfig)
		c, conn := r.stateful(p)
		a, b := &testLog{"a"}, &testLog{"b"}
		mustPush(t, conn, a, 1, 2)
		c.say(c.call("1", "Echo", `"x"`))
		c.expectAll("Got a1", "Got a2", "answer 1")
		mustPush(t, conn, b, 7, 1)
		mustPush(t, conn, a, 3, 5)
		c.expectAll("Got b7")
		c.say(c.ack(2), c.call("2", "Echo", `"x"`)) // the answer may be lost, or not
		r.until(func() bool { return conn.resumable().handled.Load() == 2 })
		c.cut()
		c.suspended(conn)
		if push(conn, a, 8, 1) {
			t.Error("messages are accepted while the client is away")
		}
		c.redial()
		c.expectAll("sequence 3", "answer 1", "Got b7")
		c.expectAll(gots(a, 3, 5)...)
		c.expectAll("answer 2")
		c.say(c.sequence(2), c.call("2", "Echo", `"x"`), c.call("3", "Echo", `"y"`)) // 2 was answered already
		c.expectAll("answer 3")
		mustPush(t, conn, a, 8, 1)
		c.expectAll("Got a8")
	})
}

func TestStateful_NothingIsMissing(t *testing.T) {
	r := newRig(t, statefulConfig)
	c, conn := r.stateful(JSON)
	c.cut()
	c.redial()
	c.expectAll("sequence 1")
	mustPush(t, conn, &testLog{"a"}, 1, 1)
	c.expectAll("Got a1")
	c.say(c.ack(1))
	r.until(func() bool { s := conn.resumable(); s.mu.Lock(); defer s.mu.Unlock(); return s.sent.acked == 1 })
	c.cut()
	c.redial()
	c.expectAll("sequence 2")
}

// A record of JSON may hold several messages. The second one is new, although the first one was handled already.
func TestStateful_HandledMessageDoesNotHideTheRestOfItsRecord(t *testing.T) {
	r := newRig(t, statefulConfig)
	c, conn := r.stateful(JSON)
	first := c.call("1", "Echo", "1")
	c.say(first)
	c.expectAll("answer 1")
	c.cut()
	c.suspended(conn)
	c.redial()
	c.say(c.sequence(1), append(bytes.TrimSuffix(first, []byte{recordSeparator}), c.call("2", "Echo", "2")...))
	c.expectAll("sequence 1", "answer 1", "answer 2")
}

func TestStateful_HalfOfAnythingIsDiscarded(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		r := newRig(t, statefulConfig)
		for name, half := range map[string]func(c *statefulClient, whole []byte){
			"message": func(c *statefulClient, whole []byte) { c.say(whole[:len(whole)/2]) },
			"frame": func(c *statefulClient, whole []byte) {
				b := ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(whole)))
				_, _ = c.conn.Write(b[:len(b)/2])
			},
			"header": func(c *statefulClient, _ []byte) { _, _ = c.conn.Write([]byte{0x81}) },
			"fragment": func(c *statefulClient, whole []byte) {
				c.frame(ws.NewFrame(ws.OpBinary, false, whole[:3]))
			},
			"of two": func(c *statefulClient, whole []byte) { c.say(c.call("0", "Void"), whole[:4]) },
		} {
			t.Run(name, func(t *testing.T) {
				c, conn := r.stateful(p)
				call := c.call("1", "Echo", `"hello"`)
				half(c, call)
				c.cut()
				c.suspended(conn)
				c.redial()
				done := conn.resumable().handled.Load()
				want := []record{"sequence 1"}
				if done == 1 {
					want = append(want, "answer 0")
				}
				c.say(c.sequence(done+1), call)
				c.expectAll(append(want, "answer 1")...)
			})
		}
	})
}

func TestStateful_CallInProgressGoesOn(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		r := newRig(t, statefulConfig)
		c, conn := r.stateful(p)
		c.say(c.call("1", "Gate"), c.call("2", "Echo", "2"))
		await(t, r.hub.entered)
		c.cut()
		c.redial() // the old reader is in the call
		c.expectAll("sequence 1")
		c.say(c.sequence(1), c.call("1", "Gate"), c.call("2", "Echo", "2"), c.call("3", "Echo", "3"))
		r.hub.gate <- struct{}{}
		c.expectAll("answer 1", "answer 2", "answer 3")
		c.say(c.call("4", "Gate"))
		await(t, r.hub.entered)
		c.cut()
		r.hub.gate <- struct{}{} // it ends while the client is away
		c.suspended(conn)
		c.redial()
		c.expectAll("sequence 1", "answer 1", "answer 2", "answer 3", "answer 4")
	})
}

func TestStateful_LivingSocketIsDisplaced(t *testing.T) {
	r := newRig(t, statefulConfig)
	c, conn := r.stateful(JSON)
	a := &testLog{"a"}
	mustPush(t, conn, a, 1, 3)
	old := c.wsClient
	c.redial()
	c.expectAll("sequence 1", "Got a1", "Got a2", "Got a3")
	mustPush(t, conn, a, 4, 1)
	c.expectAll("Got a4")
	_ = old.conn.SetReadDeadline(time.Now().Add(testTimeout))
	for { // its end is there
		if _, err := ws.ReadFrame(old.in); err != nil {
			break
		}
	}
	c.say(c.sequence(1), c.call("1", "Echo", "1"))
	c.expectAll("answer 1")
	if len(r.hub.closed) > 0 {
		t.Error("the end of the displaced socket ended the connection")
	}
}

func TestStateful_CutsDuringTheReplay(t *testing.T) {
	eachProtocol(t, func(t *testing.T, p Protocol) {
		r := newRig(t, statefulConfig)
		steps := r.stepReplay()
		c, conn := r.stateful(p)
		a := &testLog{"a"}
		mustPush(t, conn, a, 1, 30)
		c.expectAll(gots(a, 1, 2)...)
		for range 3 {
			c.cut()
			c.redial()
			c.expectAll("sequence 1")
			steps <- struct{}{}
			c.expectAll(gots(a, 1, 3)...)
			if push(conn, a, 31, 1) {
				t.Fatal("a new message is accepted before the old ones are written")
			}
		}
		c.say(c.ack(2), c.call("1", "Echo", "1")) // an acknowledgement and an answer during the replay
		close(steps)
		c.expectAll(gots(a, 4, 27)...)
		c.expectAll("answer 1")
		mustPush(t, conn, a, 31, 1)
		c.expectAll("Got a31")
	})
}

// acked waits until the server has taken over an acknowledgement.
func (c *statefulClient) acked(conn *Conn, number int64) {
	c.t.Helper()
	c.r.until(func() bool {
		r := conn.resumable()
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.sent.acked == number
	})
}

// Stock clients acknowledge what they have ever got, also when they do not have all of the replay, and then refuse to go on
// after it.
func TestStateful_EarlyAcknowledgementCountsAfterTheReplay(t *testing.T) {
	r := newRig(t, statefulConfig)
	steps := r.stepReplay()
	c, conn := r.stateful(JSON)
	a := &testLog{"a"}
	mustPush(t, conn, a, 1, 10)
	c.expectAll(gots(a, 1, 10)...)
	for range 2 {
		c.cut()
		c.redial()
		c.expectAll("sequence 1")
		c.say(c.sequence(conn.resumable().handled.Load()+1), c.ack(10), c.call("1", "Echo", "1"))
		steps <- struct{}{}
		c.expectAll(gots(a, 1, 3)...)
	}
	close(steps)
	c.expectAll(gots(a, 4, 7)...)
	c.expectAll("answer 1", "answer 1")
	c.say(c.call("2", "Echo", "2"))
	c.expectAll("answer 2") // and the ping before it is answered
	c.say(c.ack(13))
	c.acked(conn, 13)
	c.mute = true
	mustPush(t, conn, a, 11, 1)
	c.expectAll("Got a11")
	c.cut()
	c.redial()
	c.expectAll("sequence 14", "Got a11")
	mustPush(t, conn, a, 12, 1)
	c.expectAll("Got a12")
	c.say(c.ack(15)) // a client that answers no pings acknowledges what followed the replay
	c.acked(conn, 15)
}
