package testkit

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a connection through a new proxy.
func pair(t *testing.T) (p *Proxy, client, server *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p = StartProxy(t, listener.Addr().String())
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	return p, c.(*net.TCPConn), s.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Fatalf("read %q, %v; want %q", b, err, text)
	}
}

func wantNothing(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %d bytes, %v; want silence", n, err)
	}
}

func TestProxy_PassesBothWays(t *testing.T) {
	_, c, s := pair(t)
	send(t, c, "up")
	want(t, s, "up")
	send(t, s, "down")
	want(t, c, "down")
}

func TestProxy_StallHoldsOneDirection(t *testing.T) {
	p, c, s := pair(t)
	p.Stall(Down)
	send(t, s, "held")
	wantNothing(t, c)
	send(t, c, "passes")
	want(t, s, "passes")
	p.Resume(Down)
	want(t, c, "held")
}

func TestProxy_CutResetsBothEnds(t *testing.T) {
	p, c, s := pair(t)
	send(t, c, "x")
	want(t, s, "x") // the link is registered in the proxy
	p.Cut()
	for _, end := range []net.Conn{c, s} {
		_ = end.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := end.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
			t.Errorf("read after a cut: %v; want a reset", err)
		}
	}
}

func TestProxy_HalfCloseEndsOneDirection(t *testing.T) {
	p, c, s := pair(t)
	send(t, c, "x")
	want(t, s, "x")
	p.HalfClose(Down)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v; want the end of the stream", err)
	}
	send(t, c, "still up")
	want(t, s, "still up")
}

func TestProxy_SlowTakesItsTime(t *testing.T) {
	p, c, s := pair(t)
	p.Slow(Up, 1000)
	began := time.Now()
	send(t, c, string(make([]byte, 300)))
	want(t, s, string(make([]byte, 300)))
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("300 bytes at 1000 a second took %v", took)
	}
	p.Slow(Up, 0)
	began = time.Now()
	send(t, c, string(make([]byte, 100_000)))
	want(t, s, string(make([]byte, 100_000)))
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("without a limit it took %v", took)
	}
}

func TestProxy_RefuseEndsNewConnections(t *testing.T) {
	p, _, _ := pair(t)
	p.Refuse(true)
	c, err := net.Dial("tcp", p.Addr())
	if errors.Is(err, syscall.ECONNRESET) {
		return // the reset came before Dial returned
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read from a refused connection: %v", err)
	}
}

func TestThrough_KeepsTheRestOfTheURL(t *testing.T) {
	address, p := Through(t, "postgres://user:pass@127.0.0.1:1/name?sslmode=disable")
	if want := "postgres://user:pass@" + p.Addr() + "/name?sslmode=disable"; address != want {
		t.Errorf("%s, want %s", address, want)
	}
	if address, p := Through(t, "amqp://guest:guest@127.0.0.1:1/a%2Fb"); address != "amqp://guest:guest@"+p.Addr()+"/a%2Fb" {
		t.Errorf("%s", address)
	}
}

func TestProxy_SpreadsConnectionsOverTargetsThatAnswer(t *testing.T) {
	var targets []string
	heard := make(chan int)
	for i := range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, listener.Addr().String())
		if i == 1 {
			_ = listener.Close()
			continue
		}
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return // the listener is closed
				}
				heard <- i
				_ = c.Close()
			}
		}()
	}
	p := StartProxy(t, targets...)
	count := map[int]int{}
	for range 6 {
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		count[<-heard]++
		_ = c.Close()
	}
	if count[0] != 2 || count[2] != 4 {
		t.Errorf("connections by target: %v; want 2 of the first and 4 of the last, because the middle one refuses", count)
	}
}
