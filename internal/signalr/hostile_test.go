package signalr

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
)

// frameBytes are those of a client's frame.
func frameBytes(t testing.TB, f ws.Frame) []byte {
	t.Helper()
	b, err := ws.CompileFrame(ws.MaskFrame(f))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A client that begins something and never ends it is given up, whatever it dribbles on the way.
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
		"rest of a frame": once(frameBytes(t, ws.NewTextFrame([]byte(`{"type":9}`+"\x1e ")))[:17]),
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
			synctest.Test(t, func(t *testing.T) {
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
			})
		})
	}
}

// A message may take its time, and time in which the server does not read is not the client's.
func TestWebSocket_WhatEndsInTimeIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{KeepAlive: 24 * time.Hour})
		near, frames := rawPipe(t, s, Identity{})
		sendText(t, near, jsonHandshake)
		for range 3 {
			sendText(t, near, `{"type":`)
			time.Sleep(20 * time.Second) // fake time
			sendText(t, near, `9}`+"\x1e")
			time.Sleep(20 * time.Second) // fake time
		}
		// One frame, in which there is always some message that ends.
		all := frameBytes(t, ws.NewTextFrame([]byte(strings.Repeat(`{"type":9}`+"\x1e", 10))))
		for i := range all {
			if _, err := near.Write(all[i : i+1]); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond) // fake time
		}
		all = frameBytes(t, ws.NewTextFrame([]byte(`{"type":1,"target":"Gate","arguments":[]}`+"\x1e"+`{"type":9}`+"\x1e")))
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
		s.registry.reserve(s, token, "")
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

// Whatever a client floods the server with is read at its rate.
func TestWebSocket_FloodsAreReadAtTheirRate(t *testing.T) {
	call := frameBytes(t, ws.NewTextFrame([]byte(`{"type":6}`+"\x1e")))
	for name, flood := range map[string]struct {
		bytes  []byte
		costs  int    // messages, or what counts as much
		before []byte // what they are part of
	}{
		"hub pings":       {bytes: call, costs: 1},
		"in one frame":    {bytes: frameBytes(t, ws.NewTextFrame([]byte(strings.Repeat(`{"type":6}`+"\x1e", 10)))), costs: 10},
		"large messages":  {bytes: frameBytes(t, ws.NewTextFrame([]byte(`{"type":6,"x":"`+strings.Repeat("x", 9<<10)+`"}`+"\x1e"))), costs: 11},
		"ping frames":     {bytes: frameBytes(t, ws.NewPingFrame(nil)), costs: 1},
		"pong frames":     {bytes: frameBytes(t, ws.NewPongFrame([]byte("x"))), costs: 1},
		"one-byte frames": {bytes: frameBytes(t, ws.NewTextFrame([]byte(" "))), costs: 1},
		"empty frames":    {bytes: frameBytes(t, ws.NewTextFrame(nil)), costs: 1},
		"empty fragments": {bytes: frameBytes(t, ws.NewFrame(ws.OpContinuation, false, nil)), costs: 1, before: frameBytes(t, ws.NewFrame(ws.OpText, false, nil))},
		"one-byte writes": {bytes: []byte(" "), costs: 1, before: []byte{0x82, 0xff, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(newEchoHub(), Config{KeepAlive: time.Hour})
				near, frames := rawPipe(t, s, Identity{})
				go func() {
					for range frames {
					}
				}()
				sendText(t, near, jsonHandshake)
				if _, err := near.Write(flood.before); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second) // fake time
				start := time.Now()
				reads := map[time.Time]bool{}
				for range 5000 / flood.costs {
					if _, err := near.Write(flood.bytes); err != nil {
						t.Fatal(err)
					}
					reads[time.Now()] = true
				}
				if len(reads) > 50 {
					t.Errorf("the reader has woken up %d times", len(reads))
				}
				if took := time.Since(start); took < 3900*time.Millisecond || took > 4100*time.Millisecond {
					t.Errorf("5,000 were read in %s, want the first 1,000 at once and 1,000 each second from then on", took)
				}
				_ = near.Close()
				s.Close()
			})
		})
	}
}

// What comes after the end of a connection is thrown away, but not as fast as it comes.
func TestWebSocket_FloodAfterTheEndIsReadSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{KeepAlive: time.Hour})
		near, frames := rawPipe(t, s, Identity{})
		go func() {
			for range frames {
			}
		}()
		sendText(t, near, jsonHandshake)
		sendText(t, near, "nonsense\x1e")
		flood := frameBytes(t, ws.NewTextFrame(make([]byte, 10<<10)))
		start, read := time.Now(), 0
		for {
			n, err := near.Write(flood)
			read += n
			if err != nil {
				break
			}
			if early := time.Since(start) < ratePause; early && read > s.cfg.MaxMessage+len(flood) {
				t.Fatalf("%d bytes were read at once", read)
			}
		}
		if most := s.cfg.MaxMessage + int(closeWait/ratePause+1)*readBuffer; read < s.cfg.MaxMessage || read > most {
			t.Errorf("%d bytes were read after the end, want at most %d", read, most)
		}
		if took := time.Since(start); took < closeWait || took > closeWait+ratePause {
			t.Errorf("the connection ended after %s", took)
		}
		s.Close()
	})
}

func TestWebSocket_SteadyTrafficIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{KeepAlive: time.Hour})
		near, _ := rawPipe(t, s, Identity{})
		sendText(t, near, jsonHandshake)
		ping := frameBytes(t, ws.NewTextFrame([]byte(`{"type":6}`+"\x1e")))
		start := time.Now()
		for range 60 {
			for range 900 {
				if _, err := near.Write(ping); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second) // fake time
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("a minute's messages took %s", took)
		}
		_ = near.Close()
		s.Close()
	})
}

func TestPost_FloodIsReadAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{MessageRate: 10})
		token := newSecret()
		s.registry.reserve(s, token, "")
		serve(s, t.Context(), "GET", token, "")
		start := time.Now()
		flood := make(chan int, 1)
		go func() {
			flood <- serve(s, t.Context(), "POST", token, jsonHandshake+strings.Repeat(`{"type":6}`+"\x1e", 39)).Code
		}()
		synctest.Wait()
		serve(s, t.Context(), "GET", token, "")
		poll := make(chan int, 1)
		go func() { poll <- serve(s, t.Context(), "GET", token, "").Code }()
		if code, took := <-flood, time.Since(start); code != 200 || took < 2900*time.Millisecond || took > 3100*time.Millisecond {
			t.Errorf("40 messages were read in %s, %d", took, code)
		}
		go func() { flood <- serve(s, t.Context(), "POST", token, strings.Repeat(`{"type":6}`+"\x1e", 1e6)).Code }()
		synctest.Wait()
		ended := time.Now()
		s.Close() // does not wait for what was held back
		if took := time.Since(ended); took > time.Second {
			t.Errorf("the end took %s", took)
		}
		<-flood
		<-poll
	})
}

// Requests that wait for each other are bounded, since each holds a buffer.
func TestPost_FloodOfRequestsIsRefused(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.events(suffix)
	gate := make(chan answer, 1)
	go func() { gate <- r.do("POST", suffix, jsonHandshake+`{"type":1,"target":"Gate","arguments":[]}`+"\x1e") }()
	await(t, r.hub.entered)
	answers := make(chan answer, 100)
	var wg sync.WaitGroup
	for range cap(answers) {
		wg.Go(func() { answers <- r.do("POST", suffix, `{"type":6}`+"\x1e") })
	}
	for range cap(answers) - maxPosts + 1 {
		if a := await(t, answers); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "1" {
			t.Fatalf("%d", a.status)
		}
	}
	close(r.hub.gate)
	wg.Wait()
	r.want(await(t, gate), 200, "")
	close(answers)
	for a := range answers {
		r.want(a, 200, "")
	}
	r.want(r.do("POST", suffix, voidCall), 200, "")
}

// Of a flood of polls one waits.
func TestLongPolling_FloodOfPolls(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	const polls = 300
	answers := make(chan answer, polls)
	for range polls {
		go func() { answers <- p.get() }()
	}
	for range polls - 1 {
		r.want(await(t, answers), 204, "")
	}
	r.until(func() bool { return p.waiting() == 1 })
	p.conn.TryWrite([]byte("x"))
	r.want(await(t, answers), 200, "x")
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

// Clients that open connections and never say a word are forgotten, and so are those that only negotiate.
func TestServer_ForgetsWhoNeverShakesHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		hub := newEchoHub()
		s := New(hub, Config{Metrics: reg})
		var sockets []net.Conn
		ended := make(chan string, 1000)
		for i := range 300 {
			token := newSecret()
			s.registry.reserve(s, token, "")
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
		time.Sleep(22 * time.Second) // fake time: 15 for the handshake, 5 for the farewell, 1 for the sweeper
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
