package signalr

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
)

const statefulHandshake = `{"protocol":"json","version":2}` + "\x1e"

// pipeSocket gives a connection a socket over an in-memory connection, which uses the time of the test's bubble.
func pipeSocket(t *testing.T, c *Conn, begin func(s *socket)) (near net.Conn, frames <-chan ws.Frame) {
	t.Helper()
	near, far := net.Pipe()
	s := newSocket(c, far)
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
	begin(s)
	c.server.running.Go(func() { s.run(nil) })
	return near, out
}

// statefulPipe connects a client that may come back.
func statefulPipe(t *testing.T, s *Server) (c *Conn, near net.Conn, frames <-chan ws.Frame) {
	t.Helper()
	c, _ = s.newConn(s.newToken(true), Identity{}, WebSockets)
	if refused := s.registry.add(s, c); refused != nil {
		t.Fatal(refused.Text)
	}
	near, frames = pipeSocket(t, c, func(socket *socket) {
		s.open(c, httptest.NewRequest("GET", "/hub", nil), newResumable(c, socket))
	})
	sendText(t, near, statefulHandshake)
	expect(t, frames, "{} ")
	return c, near, frames
}

// comeBack gives the connection another socket.
func comeBack(t *testing.T, c *Conn) (near net.Conn, frames <-chan ws.Frame, ok bool) {
	t.Helper()
	near, frames = pipeSocket(t, c, func(socket *socket) { ok = c.resumable().attach(socket) })
	return near, frames, ok
}

// isAway reports whether the client of the connection is away.
func isAway(c *Conn) bool {
	synctest.Wait()
	r := c.resumable()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.socket == nil
}

func TestStateful_WindowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, reg := newEchoHub(), prometheus.NewRegistry()
		s := New(hub, Config{ReconnectWindow: 30 * time.Second, Metrics: reg})
		c, near, _ := statefulPipe(t, s)
		for range 3 { // each cut has a window of its own
			_ = near.Close()
			time.Sleep(28 * time.Second) // fake time
			if n, _ := value(t, reg, "restante_signalr_suspended_connections", ""); n != 1 || !isAway(c) {
				t.Fatalf("%v suspended", n)
			}
			var ok bool
			if near, _, ok = comeBack(t, c); !ok {
				t.Fatal("the connection is over")
			}
		}
		_ = near.Close()
		time.Sleep(32 * time.Second) // fake time
		if len(hub.closed) != 1 {
			t.Fatal("the connection goes on after its window")
		}
		suspended, _ := value(t, reg, "restante_signalr_suspended_connections", "")
		late, _ := value(t, reg, "restante_signalr_stateful_reconnects_total", "late")
		gone, _ := value(t, reg, "restante_signalr_connections_closed_total", "gone")
		if suspended != 0 || late != 1 || gone != 1 {
			t.Errorf("counted %v %v %v", suspended, late, gone)
		}
		s.Close()
	})
}

func TestStateful_WindowAfterACloseFrameIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{ReconnectWindow: time.Minute})
		c, near, _ := statefulPipe(t, s)
		_ = ws.WriteFrame(near, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1001, ""))))
		time.Sleep(4 * time.Second) // fake time
		if !isAway(c) || len(hub.closed) != 0 {
			t.Fatal("it did not wait for the client")
		}
		time.Sleep(2 * time.Second) // fake time
		if len(hub.closed) != 1 {
			t.Error("a page that was left keeps its connection")
		}
		s.Close()
		_ = near.Close()
	})
}

// A network that is lost without a sign: the server finds out by the silence of the client.
func TestStateful_SilenceIsACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{ReconnectWindow: 30 * time.Second})
		c, near, _ := statefulPipe(t, s)
		sendText(t, near, `{"type":6}`+"\x1e")
		time.Sleep(32 * time.Second) // fake time
		if !isAway(c) || len(hub.closed) != 0 {
			t.Fatal("silence is no cut")
		}
		near, frames, ok := comeBack(t, c)
		if !ok {
			t.Fatal("the connection is over")
		}
		expect(t, frames, `{"type":9,"sequenceId":1} `)
		time.Sleep(29 * time.Second) // fake time: it is heard again from now on
		if isAway(c) {
			t.Error("cut too early")
		}
		_ = near.Close()
		s.Close()
	})
}

func TestStateful_AcknowledgesOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{ReconnectWindow: time.Minute, KeepAlive: time.Hour})
		c, near, frames := statefulPipe(t, s)
		void := `{"type":1,"target":"Void","arguments":[]}` + "\x1e"
		for range 100 {
			sendText(t, near, void)
			time.Sleep(50 * time.Millisecond) // fake time
		}
		time.Sleep(2 * time.Second) // fake time
		got := texts(frames)
		if n := strings.Count(got, `"type":8`); n < 4 || n > 7 || !strings.HasSuffix(got, `{"type":8,"sequenceId":100} `) {
			t.Errorf("acknowledged %d times: %s", n, got)
		}
		time.Sleep(time.Minute) // fake time
		expect(t, frames, "")
		near, frames, _ = comeBack(t, c)
		sendText(t, near, `{"type":9,"sequenceId":100}`+"\x1e"+void) // it has not seen the last acknowledgement
		time.Sleep(2 * time.Second)                                  // fake time
		expect(t, frames, `{"type":9,"sequenceId":1} {"type":8,"sequenceId":100} `)
		_ = near.Close()
		s.Close()
	})
}

func TestStateful_ExpiresAndDrainsWhileAway(t *testing.T) {
	for name, end := range map[string]func(s *Server, c *Conn){
		"expiry": func(_ *Server, c *Conn) {
			c.rights.Lock()
			c.expires = time.Now().Add(5 * time.Second)
			c.rights.Unlock()
			time.Sleep(7 * time.Second) // fake time
		},
		"drain": func(s *Server, _ *Conn) { _ = s.Drain(context.Background()) },
		"close": func(s *Server, _ *Conn) { s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := newEchoHub()
				s := New(hub, Config{ReconnectWindow: time.Minute})
				c, near, _ := statefulPipe(t, s)
				_ = near.Close()
				if !isAway(c) {
					t.Fatal("not suspended")
				}
				end(s, c)
				synctest.Wait()
				if len(hub.closed) != 1 {
					t.Error("the connection goes on")
				}
				near, _, ok := comeBack(t, c)
				if ok {
					t.Error("the client may come back")
				}
				_ = near.Close()
				s.Close()
			})
		})
	}
}

// What waits for the client is not written twice, and nothing of it is lost, whatever ends first.
func TestStateful_WaitsWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{ReconnectWindow: time.Minute})
		c, near, _ := statefulPipe(t, s)
		_ = near.Close()
		if !isAway(c) {
			t.Fatal("not suspended")
		}
		a, waited := &testLog{"a"}, make(chan error, 1)
		go func() {
			waited <- c.Wait(t.Context())
			mustPush(t, c, a, 1, 1)
		}()
		time.Sleep(20 * time.Second) // fake time
		if len(waited) > 0 {
			t.Fatal("Wait does not wait for the client")
		}
		near, frames, _ := comeBack(t, c)
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
		expect(t, frames, `{"type":9,"sequenceId":1} {"type":1,"target":"Got","arguments":["a1"]} `)
		_ = near.Close()
		s.Close()
	})
}
