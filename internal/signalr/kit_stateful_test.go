package signalr

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// testLog is a log whose messages are its name and their numbers.
type testLog struct{ name string }

func (l *testLog) messages(p Protocol, first, count int64) (b []byte) {
	for seq := first; seq < first+count; seq++ {
		text := []byte(fmt.Sprintf("%q", fmt.Sprint(l.name, seq)))
		if p == MessagePack {
			text, _ = appendJSONAsPack(nil, text)
		}
		b = p.AppendInvocation(b, "Got", text)
	}
	return b
}

// run names messages of the log.
func (l *testLog) run(first, count int64) Run { return Run{l, first, count} }

// push writes messages of a log to a connection, as the hub does.
func push(c *Conn, l *testLog, first, count int64) bool {
	return c.TryWriteRun(l.messages(c.Protocol(), first, count), l.run(first, count))
}

// mustPush waits until the connection takes the messages.
func mustPush(t testing.TB, c *Conn, l *testLog, first, count int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	for !push(c, l, first, count) {
		if err := c.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// record is a hub message as the client of the tests reads it: "Got a1", "answer 7", "error 7", "ack 3", "sequence 4", "ping",
// "close".
type record string

// statefulClient is a client of stateful reconnect that speaks bytes. It does nothing by itself.
type statefulClient struct {
	*wsClient
	r        *rig
	token    string
	protocol Protocol
	buffer   []byte
	mute     bool // it does not answer pings
}

var statefulConfig = Config{ReconnectWindow: 30 * time.Second}

// negotiateStateful returns a new token of the stateful form.
func (r *rig) negotiateStateful(headers ...string) string {
	r.t.Helper()
	a := r.do("POST", "/negotiate?negotiateVersion=1&useStatefulReconnect=true", "", headers...)
	var n negotiation
	if err := json.Unmarshal([]byte(a.body), &n); err != nil || a.status != 200 || !n.Stateful || !isStateful(n.Token) {
		r.t.Fatalf("negotiate: %d %q %v", a.status, a.body, err)
	}
	return n.Token
}

// stepReplay makes each step of a replay wait for a value of the channel that it returns, or for its end.
func (r *rig) stepReplay() (steps chan struct{}) {
	steps = make(chan struct{})
	r.hub.replaying = func(ctx context.Context, _ Run) error {
		select {
		case <-steps:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return steps
}

// stateful connects a client that may come back.
func (r *rig) stateful(p Protocol, headers ...string) (*statefulClient, *Conn) {
	r.t.Helper()
	c := &statefulClient{r: r, token: r.negotiateStateful(headers...), protocol: p}
	c.wsClient = r.dial("?id="+c.token, headers...)
	c.frame(ws.NewTextFrame([]byte(`{"protocol":"` + p.String() + `","version":2}` + "\x1e")))
	if f := c.read(); string(f.Payload) != "{}\x1e" {
		r.t.Fatalf("handshake: %q", f.Payload)
	}
	return c, r.nextConn()
}

// cut ends the client's end of the WebSocket without a Close frame.
func (c *statefulClient) cut() { _ = c.conn.Close() }

// redial comes back.
func (c *statefulClient) redial(headers ...string) {
	c.t.Helper()
	if err := c.tryRedial(headers...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *statefulClient) tryRedial(headers ...string) error {
	n, err := c.r.tryDial("?id="+c.token, headers...)
	if err == nil {
		c.wsClient, c.buffer = n, nil
	}
	return err
}

// wantDead expects that the connection cannot be taken up again.
func (c *statefulClient) wantDead(headers ...string) {
	c.t.Helper()
	err := c.tryRedial(headers...)
	if status, ok := errors.AsType[ws.StatusError](err); !ok || int(status) != http.StatusNotFound {
		c.t.Fatalf("re-dial: %v, want 404", err)
	}
}

// suspended waits until the server has noticed a cut.
func (c *statefulClient) suspended(conn *Conn) {
	c.t.Helper()
	c.r.until(func() bool {
		r := conn.resumable()
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.socket == nil
	})
}

// say sends messages of the protocol.
func (c *statefulClient) say(messages ...[]byte) {
	c.t.Helper()
	f := ws.NewTextFrame(bytes.Join(messages, nil))
	if c.protocol == MessagePack {
		f = ws.NewBinaryFrame(f.Payload)
	}
	c.frame(f)
}

// call is an invocation without or with one argument.
func (c *statefulClient) call(id, method string, args ...string) []byte {
	if c.protocol == JSON {
		return []byte(`{"type":1,"invocationId":"` + id + `","target":"` + method + `","arguments":[` + strings.Join(args, ",") + `]}` + "\x1e")
	}
	body := append([]byte{0x95, 0x01, 0x80, 0xa0 | byte(len(id))}, id...)
	body = append(append(body, 0xa0|byte(len(method))), method...)
	body = append(body, 0x90|byte(len(args)))
	for _, a := range args {
		body, _ = appendJSONAsPack(body, []byte(a))
	}
	return appendPack(nil, body)
}

func (c *statefulClient) ack(n int64) []byte { return c.protocol.appendNumber(nil, kindAck, n) }

func (c *statefulClient) sequence(n int64) []byte {
	return c.protocol.appendNumber(nil, kindSequence, n)
}

// next returns the next record, but for pings and acknowledgements.
func (c *statefulClient) next() record {
	c.t.Helper()
	for {
		if m := c.any(); m != "ping" && !strings.HasPrefix(string(m), "ack") {
			return m
		}
	}
}

// any returns the next record.
func (c *statefulClient) any() record {
	c.t.Helper()
	for {
		content, size, err := c.protocol.next(c.buffer, 64<<20)
		if err != nil {
			c.t.Fatal(err)
		}
		if size > 0 {
			m := readRecord(c.t, c.protocol, content)
			c.buffer = c.buffer[size:]
			return m
		}
		f := c.read()
		if f.Header.OpCode == ws.OpPing {
			if !c.mute {
				c.frame(ws.NewPongFrame(f.Payload))
			}
			continue
		}
		if f.Header.OpCode == ws.OpClose {
			return record(fmt.Sprint("closed ", binary.BigEndian.Uint16(f.Payload)))
		}
		c.buffer = append(c.buffer, f.Payload...)
	}
}

// expectAll expects records in this order.
func (c *statefulClient) expectAll(want ...record) {
	c.t.Helper()
	for i, w := range want {
		if got := c.next(); got != w {
			c.t.Fatalf("message %d: got %q, want %q", i+1, got, w)
		}
	}
}

// gots are the records of messages of a log.
func gots(l *testLog, first, count int64) (want []record) {
	for seq := first; seq < first+count; seq++ {
		want = append(want, record(fmt.Sprint("Got ", l.name, seq)))
	}
	return want
}

func readRecord(t testing.TB, p Protocol, content []byte) record {
	t.Helper()
	if p == MessagePack {
		text, rest, err := appendPackAsJSON(nil, content, 0)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%x: %v", content, err)
		}
		var m []json.RawMessage
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		return packRecord(m)
	}
	var m struct {
		Type     kind
		ID       string `json:"invocationId"`
		Number   int64  `json:"sequenceId"`
		Args     []string
		Argument []string `json:"arguments"`
		Error    string
	}
	if err := json.Unmarshal(content, &m); err != nil {
		t.Fatalf("%q: %v", content, err)
	}
	return recordOf(m.Type, m.ID, m.Number, strings.Join(m.Argument, " "), m.Error != "")
}

func packRecord(m []json.RawMessage) record {
	at := func(i int, v any) { _ = json.Unmarshal(m[i], v) }
	var (
		k      kind
		id     string
		number int64
		args   []string
		how    int
	)
	at(0, &k)
	switch k {
	case kindInvocation:
		at(4, &args)
	case kindCompletion:
		at(2, &id)
		at(3, &how)
	case kindAck, kindSequence:
		at(1, &number)
	}
	return recordOf(k, id, number, strings.Join(args, " "), how == packError)
}

func recordOf(k kind, id string, number int64, args string, failed bool) record {
	switch k {
	case kindInvocation:
		return record("Got " + args)
	case kindCompletion:
		if failed {
			return record("error " + id)
		}
		return record("answer " + id)
	case kindAck, kindSequence:
		return record(fmt.Sprint(k, " ", number))
	default:
		return record(k.String())
	}
}

// eachProtocol runs a test in both protocols.
func eachProtocol(t *testing.T, test func(t *testing.T, p Protocol)) {
	t.Helper()
	for _, p := range []Protocol{JSON, MessagePack} {
		t.Run(p.String(), func(t *testing.T) { test(t, p) })
	}
}
