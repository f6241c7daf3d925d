package signalr

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// Every flood is read at the rate of messages.
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

// Bytes that come after the end of a connection are dropped, but slowly.
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
		s.registry.reserve(s, token, Identity{Name: ""})
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

// The number of requests that wait for each other is limited, because each has a buffer.
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

// Of a flood of polls, only one waits.
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
