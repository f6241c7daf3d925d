package signalr

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestWebSocket_Handshake(t *testing.T) {
	r := newRig(t, Config{})
	for _, tc := range []struct{ request, want string }{
		{`{"protocol":"json","version":0}`, ""},
		{`{"protocol":"json","version":1}`, ""},
		{` {"version":2, "other":[1], "protocol":"json"}`, ""},
		{`{"protocol":"json","version":3}`, "The server does not support version 3 of the 'json' protocol."},
		{`{"protocol":"xml","version":1}`, "The protocol 'xml' is not supported."},
		{`{"protocol":"json"}`, "An unexpected error occurred during connection handshake."},
		{`{"version":1}`, "An unexpected error occurred during connection handshake."},
		{`{"Protocol":"json","version":1}`, "An unexpected error occurred during connection handshake."},
		{`{"protocol":"json","version":"1"}`, "An unexpected error occurred during connection handshake."},
		{`nonsense`, "An unexpected error occurred during connection handshake."},
		{`{"type":6}`, "An unexpected error occurred during connection handshake."},
		{strings.Repeat("x", handshakeLimit+1), "Handshake was canceled."},
	} {
		c := r.dial("")
		c.send(tc.request + "\x1e")
		if tc.want == "" {
			c.expectText("{}")
			_ = c.conn.Close()
			continue
		}
		c.expectText(`{"error":"` + tc.want + `"}`)
		c.expectEnd(ws.StatusNormalClosure)
	}
}

func TestWebSocket_MessagesAreAByteStream(t *testing.T) {
	r := newRig(t, Config{})
	c := r.dial("?room=a&id=&access_token=s")
	all := jsonHandshake + `{"type":1,"invocationId":"7","target":"echo","arguments":["€"]}` + "\x1e" + `{"type":6}` + "\x1e"
	first := all[:5]
	c.frame(ws.NewFrame(ws.OpBinary, false, []byte(first)))
	c.frame(ws.NewPingFrame([]byte("hi")))
	for i := 5; i < len(all); i++ {
		c.frame(ws.NewFrame(ws.OpContinuation, i == len(all)-1, []byte{all[i]}))
	}
	c.expect(ws.OpPong, "hi")
	c.expectText("{}")
	c.expectText(`{"type":3,"invocationId":"7","result":"€"}`)
	c.send(`{"type":1,"invocationId":"a","target":"Void","arguments":[]}` + "\x1e" + `{"type":1,"invocationId":"b","target":"VOID","arguments":[]}` + "\x1e" + `{"type":1,"invocationId":"c","targ`)
	c.expectText(`{"type":3,"invocationId":"a"}`)
	c.expectText(`{"type":3,"invocationId":"b"}`)
	c.send(`et":"Void","arguments":[]}` + "\x1e")
	c.expectText(`{"type":3,"invocationId":"c"}`)
	if q := await(t, r.hub.queries); q.Get("room") != "a" || q.Has("id") || q.Has("access_token") {
		t.Errorf("query %v", q)
	}
}

func TestWebSocket_BytesBehindTheUpgradeRequestAreNotLost(t *testing.T) {
	r := newRig(t, Config{})
	c := r.dialRaw(jsonHandshake)
	c.expectText("{}")
}

// A client learns that it is connected after Hub.Connect has returned, so what it does comes later. What the hub writes in
// Connect follows the answer to the handshake.
func TestConn_HubKnowsOfItBeforeTheClientDoes(t *testing.T) {
	hub := newEchoHub()
	release, wrote := make(chan struct{}), make(chan error, 1)
	hub.connecting = func(c *Conn) {
		if c.TryWrite([]byte("early\x1e")) {
			t.Error("something was written before the handshake was answered")
		}
		go func() {
			err := c.Wait(context.Background())
			if !c.TryWrite([]byte("early\x1e")) {
				err = errors.New("nothing was written")
			}
			wrote <- err
		}()
		hub.entered <- struct{}{}
		<-release
	}
	c := newRigWith(t, hub, Config{}).dialRaw(jsonHandshake)
	await(t, hub.entered)
	_ = c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if b, err := c.in.Peek(1); err == nil {
		t.Errorf("the client got %q while the hub was taking it in", b)
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(testTimeout))
	close(release)
	c.expectText("{}")
	c.expectText("early")
	if err := await(t, wrote); err != nil {
		t.Error(err)
	}
}

func TestConn_WaitEndsWhenTheHandshakeIsNeverAnswered(t *testing.T) {
	hub := newEchoHub()
	waited := make(chan error, 2)
	hub.connecting = func(c *Conn) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		waited <- c.Wait(ctx)
		c.Close("", false)
		waited <- c.Wait(context.Background())
	}
	newRigWith(t, hub, Config{}).dialRaw(jsonHandshake)
	if err := await(t, waited); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait whose context is done: %v", err)
	}
	if err := await(t, waited); !errors.Is(err, ErrClosed) {
		t.Errorf("Wait of a connection that has ended: %v", err)
	}
}

// dialRaw sends the upgrade request and a frame in one write.
func (r *rig) dialRaw(text string) *wsClient {
	r.t.Helper()
	c := &wsClient{t: r.t}
	d := newDialer(r.t, r.http.Listener.Addr().String())
	c.conn, c.in = d.conn, d.in
	frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text))))
	if err != nil {
		r.t.Fatal(err)
	}
	request := "GET /hub HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + string(frame)
	if _, err := c.conn.Write([]byte(request)); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatal(resp, err)
	}
	return c
}

func TestWebSocket_MessagePack(t *testing.T) {
	r := newRig(t, Config{})
	c := r.connect("messagepack")
	c.frame(ws.NewBinaryFrame(unhex(t, "04 95 01 80 a1 30 a4 4563686f 91 c3"))) // the length is too short
	c.expect(ws.OpBinary, closeOf(MessagePack))
	c.expectEnd(ws.StatusNormalClosure)

	c = r.connect("messagepack")
	c.frame(ws.NewBinaryFrame(unhex(t, "0c 95 01 80 a1 30 a4 4563686f 91 c3 02 91 06")))
	c.expect(ws.OpBinary, string(unhex(t, "07 95 03 80 a1 30 03 c3")))
	c.frame(ws.NewBinaryFrame(unhex(t, "0e 95 01 80 a1 30 a4 4563686f 91 a2 fffe")))
	if f := c.read(); !strings.Contains(string(f.Payload), "An unexpected error occurred invoking 'Echo' on the server. HubException: invalid: argument 1: text that is not UTF-8") {
		t.Errorf("%q", f.Payload)
	}
	c.frame(ws.NewBinaryFrame(unhex(t, "03 92 07 c0")))
	c.expect(ws.OpBinary, string(unhex(t, "04 93 07 c0 c2")))
	c.expectEnd(ws.StatusNormalClosure)
}

func closeOf(p Protocol) string { return string(p.appendClose(nil, closedText, true)) }

func TestWebSocket_ErrorTexts(t *testing.T) {
	r := newRig(t, Config{})
	c := r.connect("json")
	const general = `An unexpected error occurred invoking '`
	for _, tc := range []struct{ call, want string }{
		{`"type":1,"target":"Nope","arguments":[]`, `Unknown hub method 'Nope'`},
		{`"type":4,"target":"Nope","arguments":[]`, `Unknown hub method 'Nope'`},
		{`"type":4,"target":"Echo","arguments":[1]`, `The client attempted to invoke the non-streaming 'Echo' method with a streaming invocation.`},
		{`"type":1,"target":"Echo","arguments":[1],"streamIds":["1"]`, general + `Echo' on the server. HubException: Client sent 1 stream(s), Hub method expects 0.`},
		{`"type":1,"target":"Echo","arguments":[1,2]`, `Failed to invoke 'Echo' due to an error on the server. InvalidDataException: Invocation provides 2 argument(s) but target expects 1.`},
		{`"type":1,"target":"BadArgs","arguments":[]`, `Failed to invoke 'BadArgs' due to an error on the server.`},
		{`"type":1,"target":"Refuse","arguments":[]`, general + `Refuse' on the server. HubException: no`},
		{`"type":1,"target":"Fail","arguments":[]`, general + `Fail' on the server.`},
		{`"type":1,"target":"Panic","arguments":[]`, general + `Panic' on the server.`},
		{`"type":1,"target":"Unencodable","arguments":[]`, general + `Unencodable' on the server.`},
	} {
		c.send(`{"invocationId":"é\u0001",` + tc.call + "}\x1e")
		c.expectText(`{"type":3,"invocationId":"é\u0001","error":"` + tc.want + `"}`)
	}
	// None of this is answered, and the connection stays open.
	for _, silent := range []string{
		`{"type":1,"target":"Nope","arguments":[]}`, `{"type":1,"target":"Fail","arguments":[]}`, `{"type":1,"target":"Echo","arguments":[1]}`,
		`{"type":1,"invocationId":"","target":"Echo","arguments":[1]}`,
		`{"type":2,"invocationId":"9","item":1}`, `{"type":3,"invocationId":"9"}`, `{"type":5,"invocationId":"9"}`, `{"type":6}`, `{"type":77}`,
		`{"type":8,"sequenceId":1}`, `{"type":9,"sequenceId":1}`,
	} {
		c.send(silent + "\x1e")
	}
	c.send(`{"type":1,"invocationId":"z","target":"Echo","arguments":[{"a":"<"}]}` + "\x1e")
	c.expectText(`{"type":3,"invocationId":"z","result":{"a":"<"}}`)
}

func TestWebSocket_Ends(t *testing.T) {
	for name, tc := range map[string]struct {
		send func(*wsClient)
		want string
		code ws.StatusCode
	}{
		"client's Close message": {func(c *wsClient) { c.send(`{"type":7}` + "\x1e") }, `{"type":7}` + "\x1e", 1000},
		"malformed":              {func(c *wsClient) { c.send("{\x1e") }, closeOf(JSON), 1000},
		"broken UTF-8":           {func(c *wsClient) { c.send("{\"type\":6,\"x\":\"\xff\"}\x1e") }, "", 1007},
		"too large":              {func(c *wsClient) { c.send(strings.Repeat(" ", 2000)) }, closeOf(JSON), 1000},
		"Close frame":            {func(c *wsClient) { c.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(1000, "x"))) }, "", 1000},
		"hub":                    {func(c *wsClient) { c.send(`{"type":1,"target":"Bye","arguments":[]}` + "\x1e") }, `{"type":7,"error":"bye"}` + "\x1e", 1000},
		"no mask":                {func(c *wsClient) { _ = ws.WriteFrame(c.conn, ws.NewTextFrame([]byte("{}"))) }, "", 1002},
		"reserved bit": {func(c *wsClient) {
			f := ws.NewTextFrame([]byte("{}"))
			f.Header.Rsv = ws.Rsv(true, false, false)
			c.frame(f)
		}, "", 1002},
		"unknown opcode":         {func(c *wsClient) { c.frame(ws.NewFrame(ws.OpCode(3), true, nil)) }, "", 1002},
		"stray continuation":     {func(c *wsClient) { c.frame(ws.NewFrame(ws.OpContinuation, true, nil)) }, "", 1002},
		"message inside another": {func(c *wsClient) { c.frame(ws.NewFrame(ws.OpText, false, nil)); c.frame(ws.NewTextFrame(nil)) }, "", 1002},
		"fragmented control":     {func(c *wsClient) { c.frame(ws.NewFrame(ws.OpPing, false, nil)) }, "", 1002},
		"large control":          {func(c *wsClient) { c.frame(ws.NewPingFrame(make([]byte, 126))) }, "", 1002},
		"absurd length":          {func(c *wsClient) { c.raw(0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4) }, "", 1009},
		"negative length":        {func(c *wsClient) { c.raw(0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4) }, "", 1009},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{MaxMessage: 1000})
			c := r.connect("json")
			c.t = t
			id := r.nextConn().ID()
			tc.send(c)
			if tc.want != "" {
				c.expect(ws.OpText, tc.want)
			}
			c.expectEnd(tc.code)
			if got := await(t, r.hub.closed); got != id || r.hub.closes.Load() != 1 {
				t.Errorf("session closed: %s, want %s, %d times", got, id, r.hub.closes.Load())
			}
		})
	}
}

func (c *wsClient) raw(b ...byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func TestWebSocket_SessionIsClosedAfterTheCallWhenTheClientGoes(t *testing.T) {
	r := newRig(t, Config{})
	c := r.connect("json")
	c.send(`{"type":1,"invocationId":"1","target":"Block","arguments":[]}` + "\x1e")
	await(t, r.hub.entered)
	r.nextConn().Close("", true) // the reader is inside the call and cannot see the client leave
	await(t, r.hub.closed)
	c.expectText(`{"type":7,"allowReconnect":true}`)
	c.expectEnd(ws.StatusNormalClosure)
}

func TestWebSocket_BrokenWriteEndsTheCall(t *testing.T) {
	r := newRig(t, Config{})
	c := r.connect("json")
	c.send(`{"type":1,"invocationId":"1","target":"Block","arguments":[]}` + "\x1e")
	await(t, r.hub.entered)
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // the peer is reset, not closed
	}
	_ = c.conn.Close()
	conn := r.nextConn()
	r.until(func() bool { return conn.TryWrite([]byte("x")) && errors.Is(conn.Wait(t.Context()), ErrClosed) })
	await(t, r.hub.closed)
}

func TestWebSocket_RefusedByTheHub(t *testing.T) {
	for want, err := range map[string]error{
		closedText + " HubException: full": &HubError{"full"}, closedText: errors.New("secret detail"),
	} {
		hub := newEchoHub()
		hub.refuse = err
		c := newRigWith(t, hub, Config{}).connect("json")
		c.expectText(`{"type":7,"error":"` + want + `"}`)
		c.expectEnd(ws.StatusNormalClosure)
	}
}

// A client that is asked to connect again while the hub still takes it in gets the answer to its handshake first: without that
// it would give up.
func TestConn_RenewWaitsForTheHandshake(t *testing.T) {
	hub := newEchoHub()
	hub.connecting = func(c *Conn) { c.Renew() }
	c := newRigWith(t, hub, Config{}).dialRaw(jsonHandshake)
	c.expectText("{}")
	c.expectText(`{"type":7,"allowReconnect":true}`)
	await(t, hub.closed)

	hub.connecting = nil
	c = newRigWith(t, hub, Config{}).dialRaw(jsonHandshake)
	c.expectText("{}")
	for range len(hub.conns) - 1 {
		<-hub.conns
	}
	conn := <-hub.conns
	conn.Renew()
	c.expectText(`{"type":7,"allowReconnect":true}`)
	conn.Renew() // has ended
}

// What the hub writes when it is told that a call has been answered follows the answer.
func TestConn_AnsweredFollowsTheAnswer(t *testing.T) {
	c := newRigWith(t, newEchoHub(), Config{}).dialRaw(jsonHandshake)
	c.expectText("{}")
	c.send(`{"type":1,"invocationId":"1","target":"SayAfter","arguments":[]}` + "\x1e")
	c.expectText(`{"type":3,"invocationId":"1","result":1}`)
	c.expectText("after")
	c.send(`{"type":1,"target":"SayAfter","arguments":[]}` + "\x1e") // without an answer
	c.expectText("after")
}
