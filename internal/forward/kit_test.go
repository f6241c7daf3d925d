package forward

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"restante/internal/memory"
	"restante/internal/nodetls"
	"restante/internal/peer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const timeLimit = 10 * time.Second // for what a test waits for

// rig is a node, named "near", with a forwarder.
type rig struct {
	t     *testing.T
	own   *nodetls.Identity
	table *peer.Table
	f     *Forwarder
	near  *httptest.Server
	log   logged
	asked atomic.Int32 // requests that came to this node

	budget *memory.Budget
}

// newRig returns a node that answers every request by way of handler.
func newRig(t *testing.T, handler func(f *Forwarder) http.Handler) *rig {
	t.Helper()
	r := &rig{t: t, own: newIdentity(t), budget: memory.New(memory.Config{Limit: 1 << 20})}
	r.table = peer.NewTable(peer.Node{ID: "near", Secret: "s3cret", Key: r.own.Fingerprint()})
	r.f = New(r.table, Config{
		Own: r.own, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Hold:  func(context.Context) *memory.Holding { return r.budget.Hold(memory.Connection, "") },
		Avoid: func(n peer.Node) bool { return slices.Contains(n.Failing, "accepting") },
	})
	r.near = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.asked.Add(1)
		handler(r.f).ServeHTTP(w, req)
	}))
	t.Cleanup(func() {
		r.near.Client().CloseIdleConnections()
		if err := r.f.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		r.near.Close()
		if n := r.budget.Used(); n != 0 {
			t.Errorf("%d bytes are held at the end", n)
		}
	})
	return r
}

// newIdentity returns the key of a node.
func newIdentity(t *testing.T) *nodetls.Identity {
	t.Helper()
	own, err := nodetls.New()
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// peer adds a node of a version before keys to the table.
func (r *rig) peer(id, url string, roles ...peer.Role) {
	r.table.Heard(peer.Node{ID: id, URL: url, Roles: roles}, time.Now())
}

// serve adds a node that answers with handler.
func (r *rig) serve(id string, handler http.HandlerFunc, roles ...peer.Role) *httptest.Server {
	far, key := newFar(r.t, handler)
	r.table.Heard(peer.Node{ID: id, URL: far.URL, Roles: roles, Key: key}, time.Now())
	return far
}

// newFar starts a node that is in no table, and returns the fingerprint of its key.
func newFar(t *testing.T, handler http.HandlerFunc) (far *httptest.Server, key string) {
	t.Helper()
	own := newIdentity(t)
	far = httptest.NewUnstartedServer(handler)
	far.Listener, far.Config.ConnContext = own.Listener(far.Listener), nodetls.ConnContext
	far.Start()
	t.Cleanup(far.Close)
	return far, own.Fingerprint()
}

func (r *rig) do(method, path, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.near.URL+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.near.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(b)
}

func (r *rig) counted(t target, o outcome) float64 {
	return testutil.ToFloat64(r.f.metrics.forwarded.WithLabelValues(string(t), string(o)))
}

func toNode(id string) func(*Forwarder) http.Handler {
	return func(f *Forwarder) http.Handler { return f.ToNode(id) }
}

func toHub(f *Forwarder) http.Handler { return f.ToRole(peer.Hub) }

func await[T any](t *testing.T, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(timeLimit):
		t.Fatal("nothing came in time")
	}
	return v
}

// dead is an address where nothing listens: the system gives its port to no program.
const dead = "http://127.0.0.1:1"

func wantProblem(t *testing.T, resp *http.Response, body string, status int, code string) {
	t.Helper()
	var p struct {
		Status int
		Code   string
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || resp.StatusCode != status || p.Status != status || p.Code != code ||
		resp.Header.Get("Content-Type") != "application/problem+json" || (status == 503) != (resp.Header.Get("Retry-After") != "") {
		t.Fatalf("got %d %v %s, want %d %s", resp.StatusCode, resp.Header, body, status, code)
	}
}

// echoUpgrade answers an upgrade and returns what it reads.
func echoUpgrade(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+req.Header.Get("Upgrade")+"\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	}
}

// upgrade opens an upgraded connection and returns it after one echo.
func (r *rig) upgrade() net.Conn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.near.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(timeLimit))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		r.t.Fatalf("upgrade: %v, %v", resp, err)
	}
	defer resp.Body.Close()
	_, _ = io.WriteString(conn, "ping\n")
	if got, err := in.ReadString('\n'); got != "ping\n" {
		r.t.Fatalf("echo: %q, %v", got, err)
	}
	return conn
}

// halfClose sends a request, ends the client's side of the connection, and returns the answer.
func halfClose(t *testing.T, conn net.Conn, request string) (status int, body string) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(timeLimit))
	_, _ = io.WriteString(conn, request)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}
