package signalr

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"

	"restante/internal/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTimeout is how long a test waits for an event.
const testTimeout = 10 * time.Second

// echoHub is a hub whose methods do one thing each. Its sessions and connections come out of channels.
type echoHub struct {
	conns   chan *Conn
	queries chan url.Values
	closed  chan string          // ids of the connections whose sessions were closed
	entered chan struct{}        // Block or Gate has begun
	gate    chan struct{}        // lets Gate return
	renewed chan context.Context // of Renewed
	refuse  error                // of Connect

	connecting func(c *Conn)                            // called by Connect; nil: nothing
	replayable func(runs []Run) error                   // Replayable; nil: always
	replaying  func(ctx context.Context, run Run) error // called by Replay; nil: nothing
	closes     atomic.Int32
}

func newEchoHub() *echoHub {
	return &echoHub{
		conns: make(chan *Conn, 100), queries: make(chan url.Values, 100), closed: make(chan string, 1000),
		entered: make(chan struct{}, 100), gate: make(chan struct{}),
		renewed: make(chan context.Context, 100),
	}
}

func (h *echoHub) Methods() []string {
	return []string{"Echo", "Void", "Refuse", "BadArgs", "Fail", "Panic", "Block", "Gate", "Bye", "Unencodable", "SayAfter", "Claim"}
}

func (h *echoHub) Connect(ctx context.Context, c *Conn, query url.Values) (Session, error) {
	if h.refuse != nil {
		return nil, h.refuse
	}
	if h.connecting != nil {
		h.connecting(c)
	}
	h.queries <- query
	h.conns <- c
	return &echoSession{hub: h, c: c}, nil
}

type echoSession struct {
	hub     *echoHub
	c       *Conn
	running atomic.Bool
	after   string // is written after the answer
}

// Renewed notes the context.
func (s *echoSession) Renewed(ctx context.Context) { s.hub.renewed <- ctx }

// Replayable asks the test, if it has something to say.
func (s *echoSession) Replayable(_ context.Context, runs []Run) error {
	if s.hub.replayable == nil {
		return nil
	}
	return s.hub.replayable(runs)
}

// Replay gives up to three messages of a log.
func (s *echoSession) Replay(ctx context.Context, run Run) (payload []byte, count int64, err error) {
	if s.hub.replaying != nil {
		if err := s.hub.replaying(ctx, run); err != nil {
			return nil, 0, err
		}
	}
	count = min(run.Count, 3)
	return run.Log.(*testLog).messages(s.c.Protocol(), run.First, count), count, nil
}

// Answered writes the text that SayAfter left.
func (s *echoSession) Answered(context.Context) {
	if s.after != "" {
		s.c.TryWrite([]byte(s.after))
		s.after = ""
	}
}

func (s *echoSession) Invoke(ctx context.Context, inv Invocation) (any, error) {
	if s.running.Swap(true) {
		panic("two calls at once")
	}
	defer s.running.Store(false)
	switch inv.Target {
	case "SayAfter":
		s.after = "after\x1e"
		return 1, nil
	case "Echo":
		if len(inv.Args) != 1 {
			return nil, &ArgumentError{"Invocation provides " + string(rune('0'+len(inv.Args))) + " argument(s) but target expects 1."}
		}
		return json.RawMessage(bytes.Clone(inv.Args[0])), nil
	case "Claim":
		return ctx.Value(claimKey{}), nil
	case "Refuse":
		return nil, &HubError{"no"}
	case "BadArgs":
		return nil, &ArgumentError{}
	case "Fail":
		return nil, errors.New("secret detail")
	case "Panic":
		panic("secret detail")
	case "Block":
		s.hub.entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	case "Gate":
		s.hub.entered <- struct{}{}
		select {
		case <-s.hub.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "Bye":
		s.c.Close("bye", false)
	case "Unencodable":
		return func() {}, nil
	}
	return nil, nil
}

func (s *echoSession) Close() {
	if s.running.Load() {
		panic("closed during a call")
	}
	s.hub.closes.Add(1)
	s.hub.closed <- s.c.ID()
}

// rig is a server with its hub behind a real listener.
type rig struct {
	t      testing.TB
	hub    *echoHub
	server *Server
	http   *httptest.Server
	client *http.Client
	tls    *tls.Config // of WebSockets, where the server wants it
}

func newRig(t *testing.T, cfg Config) *rig { return newRigWith(t, newEchoHub(), cfg) }

func newRigWith(t testing.TB, hub *echoHub, cfg Config) *rig {
	t.Helper()
	if cfg.Memory == nil {
		cfg.Memory = memory.New(memory.Config{Limit: 1 << 30})
	}
	r := &rig{t: t, hub: hub, server: New(hub, cfg)}
	r.http = httptest.NewServer(r.server)
	r.client = &http.Client{Transport: &http.Transport{}, Timeout: testTimeout}
	t.Cleanup(func() {
		r.server.Close()
		r.client.CloseIdleConnections()
		r.http.Close()
		if n := cfg.Memory.Used(); n != 0 {
			t.Errorf("%d bytes are held at the end", n)
		}
	})
	return r
}

// answer is an HTTP answer that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

// header returns a header of alternating names and values.
func header(pairs []string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// do sends a request to the hub's path plus suffix.
func (r *rig) do(method, suffix, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.http.URL+"/hub"+suffix, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header = header(headers)
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func (r *rig) want(a answer, status int, text string) {
	r.t.Helper()
	if a.status != status || (text != "" && a.body != text) {
		r.t.Fatalf("got %d %q, want %d %q", a.status, a.body, status, text)
	}
}

// negotiate returns a new token.
func (r *rig) negotiate(headers ...string) string {
	r.t.Helper()
	a := r.do("POST", "/negotiate?negotiateVersion=1", "", headers...)
	var n negotiation
	if err := json.Unmarshal([]byte(a.body), &n); err != nil || a.status != 200 || n.Token == "" {
		r.t.Fatalf("negotiate: %d %q %v", a.status, a.body, err)
	}
	return n.Token
}

// nextConn returns the next connection that the hub gets.
func (r *rig) nextConn() *Conn { return await(r.t, r.hub.conns) }

func await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(testTimeout):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

// wsClient is a WebSocket client that shows every frame.
type wsClient struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
	left bool // the client has sent a Close frame
}

// dial opens a WebSocket at the hub's path plus suffix.
func (r *rig) dial(suffix string, headers ...string) *wsClient {
	r.t.Helper()
	c, err := r.tryDial(suffix, headers...)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) tryDial(suffix string, headers ...string) (*wsClient, error) {
	d := ws.Dialer{TLSConfig: r.tls, Header: ws.HandshakeHeaderHTTP(header(headers))}
	conn, in, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(r.http.URL, "http")+"/hub"+suffix)
	if err != nil {
		return nil, err
	}
	if in == nil {
		in = bufio.NewReader(conn)
	}
	c := &wsClient{t: r.t, conn: conn, in: in}
	r.t.Cleanup(func() { _ = conn.Close() })
	return c, nil
}

func (c *wsClient) frame(f ws.Frame) {
	c.t.Helper()
	c.left = f.Header.OpCode == ws.OpClose
	if err := ws.WriteFrame(c.conn, ws.MaskFrame(f)); err != nil {
		c.t.Fatal(err)
	}
}

// send sends text as one text frame.
func (c *wsClient) send(text string) {
	c.t.Helper()
	c.frame(ws.NewTextFrame([]byte(text)))
}

// read returns the next frame.
func (c *wsClient) read() ws.Frame {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(testTimeout))
	f, err := ws.ReadFrame(c.in)
	if err != nil {
		c.t.Fatal("read frame:", err)
	}
	return f
}

func (c *wsClient) expect(op ws.OpCode, payload string) {
	c.t.Helper()
	if f := c.read(); f.Header.OpCode != op || string(f.Payload) != payload {
		c.t.Fatalf("got frame %v %q, want %v %q", f.Header.OpCode, f.Payload, op, payload)
	}
}

// expectText expects one text frame with the payload and RS.
func (c *wsClient) expectText(payload string) {
	c.t.Helper()
	c.expect(ws.OpText, payload+"\x1e")
}

// expectEnd expects a Close frame with the code, answers it, and expects the end of the stream.
func (c *wsClient) expectEnd(code ws.StatusCode) {
	c.t.Helper()
	c.expect(ws.OpClose, string(binary.BigEndian.AppendUint16(nil, uint16(code))))
	if !c.left {
		_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(nil))) // the server may have closed it already
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(testTimeout))
	if b, err := io.ReadAll(c.in); err != nil && !errors.Is(err, io.EOF) || len(b) > 0 {
		c.t.Fatalf("after the Close frame: %q, %v", b, err)
	}
}

const jsonHandshake = `{"protocol":"json","version":1}` + "\x1e"

// connect opens a WebSocket without negotiation and does the handshake.
func (r *rig) connect(protocol string) *wsClient {
	r.t.Helper()
	c := r.dial("")
	c.send(`{"protocol":"` + protocol + `","version":1}` + "\x1e")
	if protocol == "json" {
		c.expectText("{}")
	} else {
		c.expect(ws.OpBinary, "{}\x1e")
	}
	return c
}

// dialer is a plain connection to the server.
type dialer struct {
	conn net.Conn
	in   *bufio.Reader
}

func newDialer(t testing.TB, addr string) dialer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return dialer{conn, bufio.NewReader(conn)}
}

// write sends payload as soon as the connection accepts it, like a reader of the hub that is behind.
func write(ctx context.Context, c *Conn, payload []byte) error {
	for {
		if err := c.Wait(ctx); err != nil {
			return err
		}
		if c.TryWrite(payload) {
			return nil
		}
	}
}
