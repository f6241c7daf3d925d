package forward

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"restante/internal/peer"
	"restante/internal/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// rig is a node, named "near", with a forwarder.
type rig struct {
	t     *testing.T
	table *peer.Table
	f     *Forwarder
	near  *httptest.Server
	asked atomic.Int32 // requests that came to this node
}

// newRig returns a node that answers every request by way of handler.
func newRig(t *testing.T, handler func(f *Forwarder) http.Handler) *rig {
	t.Helper()
	r := &rig{t: t, table: peer.NewTable(peer.Node{ID: "near", Secret: "s3cret"})}
	r.f = New(r.table, Config{})
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
	})
	return r
}

// peer adds a node to the table.
func (r *rig) peer(id, url string, roles ...peer.Role) {
	r.table.Heard(peer.Node{ID: id, URL: url, Roles: roles}, time.Now())
}

// serve adds a node that answers with handler.
func (r *rig) serve(id string, handler http.HandlerFunc, roles ...peer.Role) *httptest.Server {
	far := httptest.NewServer(handler)
	r.t.Cleanup(far.Close)
	r.peer(id, far.URL, roles...)
	return far
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
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
	return v
}

// dead is where nobody listens: a port below those that are given out.
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

func TestForwarder_PassesTheRequestAsItIs(t *testing.T) {
	trusted := remote.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	r := newRig(t, func(f *Forwarder) http.Handler { return remote.Wrap(trusted, toNode("far")(f)) })
	got := make(chan *http.Request, 1)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		req.Header.Set("Test-Body", string(b))
		got <- req
		w.Header().Set("Test", "yes")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, "short and stout")
	})
	resp, body := r.do("POST", "/a%2Fb?x=1;y&z=%zz", "hello", "Authorization", "Bearer t", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https")
	if resp.StatusCode != 418 || body != "short and stout" || resp.Header.Get("Test") != "yes" {
		t.Errorf("answer: %d %q %v", resp.StatusCode, body, resp.Header)
	}
	req := await(t, got)
	for name, want := range map[string]string{
		"Authorization": "Bearer t", Header: "near.s3cret", "Test-Body": "hello", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": r.near.Listener.Addr().String(), "X-Forwarded-For": "192.0.2.1, 192.0.2.1", "Accept-Encoding": "gzip",
	} {
		if req.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, req.Header.Get(name), want)
		}
	}
	if req.Host != r.near.Listener.Addr().String() || req.RequestURI != "/a%2Fb?x=1;y&z=%zz" || req.Method != "POST" {
		t.Errorf("%s %s of %s", req.Method, req.RequestURI, req.Host)
	}
	if r.counted(targetNode, passed) != 1 {
		t.Error("it was not counted")
	}
}

func TestForwarder_HeadersThatAreSetStay(t *testing.T) {
	r := newRig(t, func(f *Forwarder) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "https://a.example")
			w.Header().Set("X-Request-Id", "7")
			w.Header().Add("Vary", "Origin")
			f.ToNode("far").ServeHTTP(w, req)
		})
	})
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://b.example")
		w.Header().Set("X-Request-Id", req.Header.Get("X-Request-Id")+"7")
		w.Header().Add("Vary", "Origin")
		w.Header().Add("Vary", "Accept")
	})
	resp, _ := r.do("GET", "/", "")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "[https://a.example]", "X-Request-Id": "[7]", "Vary": "[Origin Accept]",
	} {
		if got := fmt.Sprint(resp.Header[name]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestForwarder_StreamsAreNotHeldBack(t *testing.T) {
	r := newRig(t, toNode("far"))
	next, over := make(chan string), make(chan struct{})
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		defer close(over)
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case line := <-next:
				_, _ = io.WriteString(w, line)
				_ = http.NewResponseController(w).Flush()
			case <-req.Context().Done():
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.near.URL, nil)
	resp, err := r.near.Client().Do(req) // returns before there is an event
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 3 {
		line := fmt.Sprintf("data: %d\n", i)
		next <- line
		if got, err := in.ReadString('\n'); got != line {
			t.Fatalf("got %q, %v, want %q", got, err, line)
		}
	}
	cancel()
	await(t, over) // a client that goes away ends the request at the other node
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
	_ = conn.SetDeadline(time.Now().Add(patience))
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

func TestForwarder_WebSocketsPass(t *testing.T) {
	r := newRig(t, toHub)
	r.serve("far", echoUpgrade(t), peer.Hub)
	if err := r.upgrade().Close(); err != nil {
		t.Error(err)
	}
}

func TestForwarder_RoleIsFoundAmongTheLiving(t *testing.T) {
	r := newRig(t, toHub)
	r.peer("near", r.near.URL, peer.Hub) // never itself
	for i := range 5 {
		r.peer(fmt.Sprint("dead", i), dead, peer.Hub)
	}
	r.serve("api", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, peer.API)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		_, _ = w.Write(b)
	}, peer.Hub)
	for range 5 {
		body := strings.Repeat("x", 100_000)
		if resp, got := r.do("POST", "/", body); resp.StatusCode != 200 || got != body {
			t.Errorf("%d %.50q", resp.StatusCode, got)
		}
	}
}

func TestForwarder_NobodyHasTheRole(t *testing.T) {
	r := newRig(t, toHub)
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	r.peer("dead", dead, peer.Hub)
	resp, body = r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	if n := r.counted("hub", unavailable); n != 2 {
		t.Errorf("%v were counted, want 2", n)
	}
}

func TestForwarder_UnknownNodes(t *testing.T) {
	r := newRig(t, toNode("dead"))
	r.peer("near", r.near.URL, peer.Hub)
	if r.f.ToNode("unheard") != nil || r.f.ToNode("near") != nil {
		t.Error("there is a way to nodes that are unknown, or this one")
	}
	r.peer("dead", dead, peer.Hub) // said to be alive, but nobody listens
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 404, "not_found")
	if r.counted(targetNode, gone) != 1 {
		t.Error("it was not counted")
	}
}

func TestForwarder_NodeOutOfReach(t *testing.T) {
	r := newRig(t, toNode("far"))
	const nowhere = "http://restante.invalid:1" // cannot be resolved, as a container that is gone
	r.peer("far", nowhere, peer.Hub)
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	r.table.Heard(peer.Node{ID: "far", URL: nowhere, Roles: []peer.Role{peer.Hub}}, time.Now().Add(-time.Minute))
	resp, body = r.do("GET", "/", "")
	wantProblem(t, resp, body, 404, "not_found") // nor has it been heard of lately
}

func TestForwarder_NodeDiesBeforeItAnswers(t *testing.T) {
	r := newRig(t, toNode("far"))
	asked := make(chan string, 10)
	die := false
	r.serve("far", func(_ http.ResponseWriter, req *http.Request) {
		asked <- req.Method
		if die {
			panic(http.ErrAbortHandler)
		}
	})
	r.do("GET", "/", "") // the connection is used again
	die = true
	for _, method := range []string{"GET", "POST", "DELETE"} {
		resp, body := r.do(method, "/", "")
		wantProblem(t, resp, body, 503, "unavailable")
	}
	if len(asked) != 4 {
		t.Errorf("the node was asked %d times, want 4: an answer may be lost, not a second one taken for it", len(asked))
	}
}

func TestForwarder_PassesOnOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		to     func(*Forwarder) http.Handler
		status int
		code   string
	}{
		"node": {toNode("far"), 404, "not_found"}, // a new process at the old one's address: the client connects anew
		"role": {toHub, 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newRig(t, tc.to), newRig(t, tc.to)
			a.peer("far", b.near.URL, peer.Hub)
			b.peer("far", a.near.URL, peer.Hub)
			resp, body := a.do("GET", "/", "")
			wantProblem(t, resp, body, tc.status, tc.code)
			if a.asked.Load() != 1 || b.asked.Load() != 1 {
				t.Errorf("the nodes were asked %d and %d times, want once each", a.asked.Load(), b.asked.Load())
			}
		})
	}
}

func TestForwarder_DrainEndsWhatIsInProgress(t *testing.T) {
	r := newRig(t, toHub)
	asked := make(chan struct{}, 1)
	far := echoUpgrade(t)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "" {
			far(w, req)
			return
		}
		asked <- struct{}{}
		<-req.Context().Done()
	}, peer.Hub)
	conn := r.upgrade()
	polled := make(chan int, 1)
	go func() {
		resp, err := r.near.Client().Get(r.near.URL)
		if err != nil {
			polled <- 0
			return
		}
		_ = resp.Body.Close()
		polled <- resp.StatusCode
	}()
	await(t, asked)
	if n := r.f.inProgress(); n != 2 {
		t.Errorf("%v in progress, want 2", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.f.Drain(ctx); err != nil {
		t.Error(err)
	}
	if status := await(t, polled); status != 503 {
		t.Errorf("the poll ended with %d, want 503", status)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the WebSocket is open still")
	}
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
}

func TestForwarder_BodyThatStopsComing(t *testing.T) {
	r := newRig(t, toHub)
	r.f.patience = 100 * time.Millisecond
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.ReadAll(req.Body); err != nil {
			w.WriteHeader(400)
		}
	}, peer.Hub)
	conn, err := net.Dial("tcp", r.near.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestBody_DoesNotReadPastItsEnd(t *testing.T) {
	for _, length := range []int64{5, -1} {
		b := &body{io.MultiReader(strings.NewReader("hello"), failing{length < 0}), length, func(bool) {}}
		got, err := io.ReadAll(b)
		if string(got) != "hello" || err != nil {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
		if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // an io.Reader returns io.EOF itself
			t.Errorf("length %d, again: %d, %v", length, n, err)
		}
	}
}

// failing is what follows a body whose length is known: it must not be read.
type failing struct{ end bool }

func (f failing) Read([]byte) (int, error) {
	if f.end {
		return 0, io.EOF
	}
	return 0, http.ErrBodyReadAfterClose
}
