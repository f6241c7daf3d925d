package signalr

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
)

// frameBytes returns the bytes of a client's frame.
func frameBytes(t testing.TB, f ws.Frame) []byte {
	t.Helper()
	b, err := ws.CompileFrame(ws.MaskFrame(f))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A client that begins a message and never ends it is disconnected, however slowly it sends meanwhile.
func TestWebSocket_WhatDoesNotEndIsCut(t *testing.T) {
	text := frameBytes(t, ws.NewTextFrame([]byte(`{"type":6}`+"\x1e")))
	fragment := func(op ws.OpCode, payload string) []byte {
		return frameBytes(t, ws.NewFrame(op, false, []byte(payload)))
	}
	bytewise := func(b []byte) func(int) []byte {
		return func(i int) []byte { return b[min(i, len(b)-1):min(i+1, len(b)-1)] }
	}
	once := func(b []byte) func(int) []byte {
		return func(i int) []byte {
			if i == 0 {
				return b
			}
			return nil
		}
	}
	for name, piece := range map[string]func(i int) []byte{ // one every three seconds
		"half a header":   once(text[:1]),
		"a header":        once(text[:6]),
		"half a frame":    once(text[:10]),
		"half a message":  once(frameBytes(t, ws.NewTextFrame([]byte(`{"type":`)))),
		"rest of a frame": once(frameBytes(t, ws.NewTextFrame([]byte(`{"type":0}`+"\x1e ")))[:17]),
		"one-byte writes": bytewise(text),
		"half a ping":     once(frameBytes(t, ws.NewPingFrame([]byte("hello")))[:8]),
		"one-byte frames": func(int) []byte { return frameBytes(t, ws.NewTextFrame([]byte(" "))) },
		"empty fragments": func(i int) []byte { return fragment(ws.OpCode(1-min(i, 1)), "") },
		"pings in between": func(i int) []byte {
			return append(fragment(ws.OpCode(1-min(i, 1)), " "), frameBytes(t, ws.NewPingFrame(nil))...)
		},
		"an endless frame": func(i int) []byte {
			if i == 0 {
				return append([]byte{0x82, 0xff, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}, " "...)
			}
			return []byte(" ")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { checkCut(t, piece) })
		})
	}
}

// checkCut sends the pieces of something that does not end, and checks that the connection ends at MessageTimeout.
func checkCut(t *testing.T, piece func(i int) []byte) {
	hub, reg := newEchoHub(), prometheus.NewRegistry()
	s := New(hub, Config{Metrics: reg, KeepAlive: time.Hour})
	near, frames := rawPipe(t, s, Identity{})
	sendText(t, near, jsonHandshake)
	expect(t, frames, "{} ")
	for i := range 10 {
		if _, err := near.Write(piece(i)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2990 * time.Millisecond) // fake time
		if got := texts(frames); strings.Contains(got, "close") {
			t.Fatalf("ended too early, after %d pieces: %q", i+1, got)
		}
	}
	time.Sleep(2 * time.Second) // fake time
	expect(t, frames, strings.ReplaceAll(closeOf(JSON), "\x1e", " ")+"close ")
	if n, _ := value(t, reg, "restante_signalr_connections_closed_total", "unfinished"); n != 0 {
		t.Error("counted before its end")
	}
	s.Close()
	if n, _ := value(t, reg, "restante_signalr_connections_closed_total", "unfinished"); n != 1 {
		t.Errorf("%v connections are counted", n)
	}
}

// A slow message is not cut within its time, and the time in which the server does not read does not count.
func TestWebSocket_WhatEndsInTimeIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{KeepAlive: 24 * time.Hour})
		near, frames := rawPipe(t, s, Identity{})
		sendText(t, near, jsonHandshake)
		for range 3 {
			sendText(t, near, `{"type":`)
			time.Sleep(20 * time.Second) // fake time
			sendText(t, near, `0}`+"\x1e")
			time.Sleep(20 * time.Second) // fake time
		}
		// One frame, in which messages end again and again.
		all := frameBytes(t, ws.NewTextFrame([]byte(strings.Repeat(`{"type":0}`+"\x1e", 10))))
		for i := range all {
			if _, err := near.Write(all[i : i+1]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond) // fake time
		}
		all = frameBytes(t, ws.NewTextFrame([]byte(`{"type":1,"target":"Gate","arguments":[]}`+"\x1e"+`{"type":0}`+"\x1e")))
		if _, err := near.Write(all[:len(all)-3]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // fake time
		hub.gate <- struct{}{}
		time.Sleep(20 * time.Second) // fake time
		if _, err := near.Write(all[len(all)-3:]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // fake time
		expect(t, frames, "{} ")
		_ = near.Close()
		s.Close()
	})
}

func TestPost_MessageThatDoesNotEndIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{})
		token := newSecret()
		s.registry.reserve(s, token, Identity{Name: ""})
		stream := make(chan string, 1)
		go func() { stream <- serve(s, t.Context(), "GET", token, "", "Accept", "text/event-stream").Body.String() }()
		synctest.Wait()
		serve(s, t.Context(), "POST", token, jsonHandshake)
		for range 10 {
			if w := serve(s, t.Context(), "POST", token, " "); w.Code != 200 {
				t.Fatal("ended too early")
			}
			time.Sleep(2990 * time.Millisecond) // fake time
		}
		time.Sleep(2 * time.Second) // fake time
		if got := <-stream; !strings.HasSuffix(got, "data: "+closeOf(JSON)+"\r\n\r\n") {
			t.Errorf("%q", got)
		}
		s.Close()
	})
}

// A compressed frame is refused before anything is inflated.
func TestWebSocket_CompressedFramesAreRefused(t *testing.T) {
	for _, op := range []ws.OpCode{ws.OpText, ws.OpBinary, ws.OpContinuation, ws.OpPing} {
		r := newRig(t, Config{})
		c := r.connect("json")
		f := ws.NewFrame(op, true, make([]byte, 100))
		f.Header.Rsv = ws.Rsv(true, false, false)
		c.frame(f)
		c.expectEnd(ws.StatusProtocolError)
	}
}

// The server forgets clients that open connections and send nothing, and clients that only negotiate.
func TestServer_ForgetsClientsWithoutHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		hub := newEchoHub()
		s := New(hub, Config{Metrics: reg})
		var sockets []net.Conn
		ended := make(chan string, 1000)
		for i := range 300 {
			token := newSecret()
			s.registry.reserve(s, token, Identity{Name: ""})
			switch i % 4 {
			case 0:
				near, frames := rawPipe(t, s, Identity{})
				sockets = append(sockets, near)
				go func() { ended <- all(frames) }()
			case 1:
				go func() { ended <- serve(s, t.Context(), "GET", token, "", "Accept", "text/event-stream").Body.String() }()
			case 2: // polls on and on
				go func() {
					for got := ""; ; {
						w := serve(s, t.Context(), "GET", token, "")
						if got += w.Body.String(); w.Code != 200 {
							ended <- got
							return
						}
					}
				}()
			}
		}
		time.Sleep(22 * time.Second) // fake time: 15 for the handshake, 5 for the last bytes, 1 for the sweeper
		synctest.Wait()
		if len(ended) != 225 {
			t.Errorf("%d have ended", len(ended))
		}
		for range len(ended) {
			if got := <-ended; !strings.Contains(got, `{"error":"Handshake was canceled."}`) {
				t.Errorf("%q", got)
			}
		}
		g := &s.registry
		g.mu.Lock()
		if len(g.conns)+len(g.tokens)+len(g.unused) > 0 || g.sweeping {
			t.Errorf("%d connections, %d tokens, %d unused", len(g.conns), len(g.tokens), len(g.unused))
		}
		g.mu.Unlock()
		if n, _ := value(t, reg, "restante_signalr_connections", ""); n != 0 {
			t.Errorf("%v connections", n)
		}
		if len(hub.conns) > 0 {
			t.Error("the hub has seen a connection")
		}
		s.Close()
		for _, near := range sockets {
			if _, err := near.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		}
	})
}

// all returns what a client has got until the end.
func all(frames <-chan ws.Frame) string {
	var b strings.Builder
	for f := range frames {
		fmt.Fprintf(&b, "%s", f.Payload)
	}
	return b.String()
}
