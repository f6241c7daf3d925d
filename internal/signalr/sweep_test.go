package signalr

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// pipe connects a WebSocket client to a server over an in-memory connection, which uses the time of the test's bubble.
// What the server sends comes out of the channel, frame by frame, until the end.
func pipe(t *testing.T, s *Server) (send func(text string), frames <-chan ws.Frame, hang func()) {
	t.Helper()
	near, out := rawPipe(t, s, Identity{})
	send = func(text string) {
		if err := ws.WriteFrame(near, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	}
	return send, out, func() { _ = near.Close() }
}

// rawPipe is pipe for a client of that identity that writes its own frames.
func rawPipe(t *testing.T, s *Server, sender Identity) (near net.Conn, frames <-chan ws.Frame) {
	t.Helper()
	return tokenPipe(t, s, "", sender)
}

// tokenPipe is rawPipe for a connection that a token has opened.
func tokenPipe(t *testing.T, s *Server, token string, sender Identity) (near net.Conn, frames <-chan ws.Frame) {
	t.Helper()
	near, far := net.Pipe()
	c, _ := s.newConn(token, sender, WebSockets)
	if refused := s.registry.add(s, c); refused != nil {
		t.Fatal(refused.Text)
	}
	socket := newSocket(c, far)
	s.open(c, httptest.NewRequest("GET", "/hub", nil), socket)
	s.running.Go(func() { socket.run(nil) })
	out := make(chan ws.Frame, 1000)
	go func() {
		defer close(out)
		for {
			f, err := ws.ReadFrame(near)
			if err != nil {
				return
			}
			out <- f
		}
	}()
	return near, out
}

// texts collects what the server has sent so far.
func texts(frames <-chan ws.Frame) string {
	synctest.Wait()
	var b strings.Builder
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				return b.String() + "EOF"
			}
			if f.Header.OpCode == ws.OpClose {
				b.WriteString("close ")
			} else {
				b.WriteString(strings.ReplaceAll(string(f.Payload), "\x1e", " "))
			}
		default:
			return b.String()
		}
	}
}

func expect(t *testing.T, frames <-chan ws.Frame, want string) {
	t.Helper()
	if got := texts(frames); got != want {
		t.Fatalf("at %s: got %q, want %q", time.Now().Format("15:04:05"), got, want)
	}
}

func TestServer_KeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{})
		send, frames, hang := pipe(t, s)
		send(jsonHandshake)
		expect(t, frames, "{} ")
		time.Sleep(14 * time.Second) // fake time
		expect(t, frames, "")
		time.Sleep(2 * time.Second) // fake time
		expect(t, frames, `{"type":6} `)
		send(`{"type":1,"invocationId":"1","target":"Void","arguments":[]}` + "\x1e")
		expect(t, frames, `{"type":3,"invocationId":"1"} `)
		time.Sleep(14 * time.Second) // fake time: the answer counts as a sign of life
		expect(t, frames, "")
		time.Sleep(10 * time.Minute) // fake time: the client has never pinged: its silence is no fault
		if got := strings.Count(texts(frames), `{"type":6} `); got < 35 || got > 41 {
			t.Errorf("%d pings in ten minutes", got)
		}
		hang()
		s.Close()
	})
}

func TestServer_ClientTimeoutIsArmedByThePing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{KeepAlive: time.Hour})
		send, frames, _ := pipe(t, s)
		send(jsonHandshake + `{"type":6}` + "\x1e")
		expect(t, frames, "{} ")
		time.Sleep(29 * time.Second) // fake time
		send(`{"type":99}` + "\x1e")
		time.Sleep(29 * time.Second) // fake time
		expect(t, frames, "")
		time.Sleep(3 * time.Second) // fake time
		expect(t, frames, `{"type":7,"allowReconnect":true} close `)
		time.Sleep(6 * time.Second) // fake time: the client does not answer the Close frame
		expect(t, frames, "EOF")
		s.Close()
	})
}

func TestServer_ClientIsNotTimedOutDuringItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{KeepAlive: time.Hour})
		send, frames, hang := pipe(t, s)
		send(jsonHandshake + `{"type":6}` + "\x1e" + `{"type":1,"target":"Block","arguments":[]}` + "\x1e")
		<-hub.entered
		time.Sleep(5 * time.Minute) // fake time
		expect(t, frames, "{} ")
		hang()
		s.Close()
	})
}

func TestServer_HandshakeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{})
		send, frames, _ := pipe(t, s)
		send(jsonHandshake[:7])
		time.Sleep(14 * time.Second) // fake time
		expect(t, frames, "")
		time.Sleep(2 * time.Second) // fake time
		expect(t, frames, `{"error":"Handshake was canceled."} close `)
		s.Close()
		if len(hub.conns) != 0 {
			t.Error("the hub has seen the connection")
		}
	})
}

func TestServer_CutsWhoTakesNothingAndSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{})
		near, far := net.Pipe()
		c, _ := s.newConn("", Identity{}, WebSockets)
		s.registry.add(s, c)
		socket := newSocket(c, far)
		s.open(c, httptest.NewRequest("GET", "/hub", nil), socket)
		s.running.Go(func() { socket.run(nil) })
		go func() { _ = ws.WriteFrame(near, ws.MaskFrame(ws.NewTextFrame([]byte(jsonHandshake)))) }()
		if f, err := ws.ReadFrame(near); err != nil || string(f.Payload) != "{}\x1e" {
			t.Fatal(f, err)
		}
		synctest.Wait()
		if !c.TryWrite(make([]byte, 200_000)) || c.TryWrite([]byte("x")) {
			t.Fatal("the first write is taken, the second refused")
		}
		some := make([]byte, writeChunk) // the grain of a connection without descriptor
		for range 20 {                   // a slow reader that takes something every four minutes is not cut
			time.Sleep(4 * time.Minute) // fake time
			if _, err := io.ReadFull(near, some); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // nor is one that says something
			time.Sleep(4 * time.Minute) // fake time
			if err := ws.WriteFrame(near, ws.MaskFrame(ws.NewPongFrame(nil))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(4 * time.Minute) // fake time
		synctest.Wait()
		if len(hub.closed) != 0 {
			t.Fatal("cut too early")
		}
		time.Sleep(2 * time.Minute) // fake time
		synctest.Wait()
		if len(hub.closed) != 1 {
			t.Fatal("not cut")
		}
		s.Close()
		_ = near.Close()
	})
}

func TestServer_LongPollingIdles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{})
		token := func() string {
			t := newSecret()
			s.registry.reserve(s, t, Identity{Name: ""})
			return t
		}
		request := func(ctx context.Context, method, token, body string) int {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, "/hub?id="+token, strings.NewReader(body)))
			return w.Code
		}
		unused, polling, idle := token(), token(), token()
		for _, p := range []string{polling, idle} {
			if request(t.Context(), "GET", p, "") != 200 || request(t.Context(), "POST", p, jsonHandshake) != 200 {
				t.Fatal("handshake")
			}
		}
		for range 20 {
			if got := request(t.Context(), "GET", polling, ""); got != 200 {
				t.Fatalf("a polling client is never timed out: %d", got)
			}
		}
		for _, gone := range []string{unused, idle} {
			if got := request(t.Context(), "GET", gone, ""); got != http.StatusNotFound {
				t.Errorf("status %d", got)
			}
		}
		s.Close()
	})
}

func TestServer_DrainSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{})
		start := time.Now()
		ends := make(chan time.Duration, 4)
		for range 4 {
			send, frames, hang := pipe(t, s)
			send(jsonHandshake)
			expect(t, frames, "{} ")
			go func() {
				for f := range frames {
					if strings.Contains(string(f.Payload), `{"type":7,"allowReconnect":true}`) {
						ends <- time.Since(start)
						hang()
					}
				}
			}()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := s.Drain(ctx); err != nil {
			t.Error(err)
		}
		for i := range 4 {
			if at, want := <-ends, time.Duration(i)*15*time.Second/4; (at - want).Abs() > 10*time.Millisecond {
				t.Errorf("connection %d was closed after %s, want %s", i, at, want)
			}
		}
		if refused := s.registry.reserve(s, "t", Identity{Name: ""}); refused == nil || refused.Status != 503 {
			t.Errorf("after Drain: %v", refused)
		}
	})
}

// TestServer_DrainBeforeTheHandshake: a client that waits for the answer to its handshake gets the end of its transport, and
// tries again. A handshake that fails ends some clients for good.
func TestServer_DrainBeforeTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{})
		send, frames, hang := pipe(t, s)
		send(jsonHandshake[:7])
		go func() { _ = s.Drain(context.Background()) }()
		synctest.Wait()
		expect(t, frames, "close ")
		hang()
		s.Close()
	})
}

func TestServer_DrainCutsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{})
		send, frames, _ := pipe(t, s)
		send(jsonHandshake)
		expect(t, frames, "{} ")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		expect(t, frames, `{"type":7,"allowReconnect":true} close EOF`)
	})
}
