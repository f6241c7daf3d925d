package forward

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/peer"
)

// wire is a proxy between two nodes that keeps every byte it passes on.
type wire struct {
	addr string
	mu   sync.Mutex
	seen bytes.Buffer
}

// tap starts a proxy in front of a node.
func tap(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: l.Addr().String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.pass(t, near, to) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() })
	return w
}

func (w *wire) pass(t *testing.T, near net.Conn, to string) {
	far, err := net.Dial("tcp", to)
	if err != nil {
		t.Error(err)
		_ = near.Close()
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{far, near}, {near, far}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], io.TeeReader(way[1], w))
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
	_, _ = near.Close(), far.Close()
}

// Write keeps bytes. It implements io.Writer.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(p)
}

func (w *wire) shows(text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.seen.Bytes(), []byte(text))
}

// TestForwarder_NobodyReadsAlong forwards what nobody on the network may see, over a proxy between the nodes.
func TestForwarder_NobodyReadsAlong(t *testing.T) {
	r := newRig(t, toHub)
	far, key := newFar(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(w, req.Body)
		_, _ = io.WriteString(w, req.Header.Get("Authorization"))
	})
	between := tap(t, far.Listener.Addr().String())
	r.table.Heard(peer.Node{ID: "far", URL: "http://" + between.addr, Roles: peer.Roles(), Key: key}, time.Now())
	if resp, body := r.do("POST", "/messageHub", "a text", "Authorization", "Bearer token"); resp.StatusCode != 200 || body != "a textBearer token" {
		t.Fatalf("%d %q", resp.StatusCode, body)
	}
	if between.seen.Len() == 0 {
		t.Fatal("nothing came by")
	}
	for _, text := range []string{"a text", "Bearer token", "s3cret", "messageHub", Header} {
		if between.shows(text) {
			t.Errorf("%q can be read on the network", text)
		}
	}
	far.CloseClientConnections()
}

// TestForwarder_RefusesAnotherKey has another program at the address of a node that lives.
func TestForwarder_RefusesAnotherKey(t *testing.T) {
	r := newRig(t, toHub)
	far, _ := newFar(t, func(http.ResponseWriter, *http.Request) { t.Error("the request was sent to another program") })
	r.table.Heard(peer.Node{ID: "far", URL: far.URL, Roles: peer.Roles(), Key: strings.Repeat("0", 64)}, time.Now())
	resp, body := r.do("POST", "/x", "a text")
	wantProblem(t, resp, body, 503, "unavailable")
	if n := testutil.ToFloat64(r.f.metrics.wrongKeys); n != 1 {
		t.Errorf("counted %v", n)
	}
	if log := r.log.String(); strings.Count(log, "another key answers at the address of a node") != 1 || !strings.Contains(log, "node=far") {
		t.Errorf("log: %s", log)
	}
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a node with a key was reached plainly") }))
	defer plain.Close()
	r.table.Heard(peer.Node{ID: "far", URL: plain.URL, Roles: peer.Roles(), Key: strings.Repeat("0", 64)}, time.Now())
	resp, body = r.do("POST", "/x", "a text")
	wantProblem(t, resp, body, 503, "unavailable")
}

// TestForwarder_ANodeThatWasStartedAgainHasEnded has a new process at the address of an old one: clients connect anew.
func TestForwarder_ANodeThatWasStartedAgainHasEnded(t *testing.T) {
	r := newRig(t, toNode("old"))
	far := r.serve("new", func(http.ResponseWriter, *http.Request) { t.Error("the request came to another process") })
	r.table.Heard(peer.Node{ID: "old", URL: far.URL, Key: strings.Repeat("0", 64)}, time.Now())
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 404, "not_found")
	if log := r.log.String(); strings.Contains(log, "key") || testutil.ToFloat64(r.f.metrics.wrongKeys) != 0 {
		t.Errorf("a node that was started again is reported: %s", log)
	}
}

// TestForwarder_ReachesNodesOfVersionsBefore has nodes without keys: they are reached as before while they live.
func TestForwarder_ReachesNodesOfVersionsBefore(t *testing.T) {
	r := newRig(t, toNode("before"))
	before := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "plain") }))
	defer before.Close()
	now := time.Now()
	r.table.Heard(peer.Node{ID: "before", URL: before.URL}, now)
	if resp, body := r.do("GET", "/", ""); resp.StatusCode != 200 || body != "plain" || r.table.Plain() != 1 {
		t.Errorf("%d %q, %d plain nodes", resp.StatusCode, body, r.table.Plain())
	}
	r.table.Heard(peer.Node{ID: "other", Key: "k"}, now.Add(peer.Silence+time.Second))
	resp, body := r.do("GET", "/", "")
	if wantProblem(t, resp, body, 503, "unavailable"); r.table.Plain() != 0 {
		t.Errorf("%d plain nodes, but all that live have keys", r.table.Plain())
	}
}

// TestFromPeer_BelievesAKeyAndNotACopiedProof sends the proofs of nodes in every way that an attacker could.
func TestFromPeer_BelievesAKeyAndNotACopiedProof(t *testing.T) {
	r := newRig(t, toHub) // its node is near, with the proof near.s3cret
	peers := peer.NewTable(peer.Node{ID: "far"})
	now := time.Now()
	peers.Heard(r.table.Self(), now)
	peers.Heard(peer.Node{ID: "before", Secret: "old"}, now)
	believed := make(chan bool, 1)
	handler := func(_ http.ResponseWriter, req *http.Request) { believed <- FromPeer(peers)(req) }
	far := r.serve("far", handler, peer.Roles()...)
	if r.do("POST", "/x", ""); !await(t, believed) {
		t.Error("a node with its key is not believed")
	}
	ask := func(url, said string) bool {
		req, err := http.NewRequestWithContext(t.Context(), "POST", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(Header, said)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return await(t, believed)
	}
	if ask(far.URL, "near.s3cret") {
		t.Error("the proof of a node with a key is believed without encryption")
	}
	if !ask(far.URL, "before.old") {
		t.Error("a node of a version before is not believed while it lives")
	}
	other := newRig(t, toHub) // has a key of its own, and the proof of near
	key, _ := r.table.Find("far")
	other.table.Heard(key, now)
	if other.do("POST", "/x", ""); await(t, believed) {
		t.Error("the proof of a node is believed over a connection with another key")
	}
	peers.Heard(r.table.Self(), now.Add(peer.Silence+time.Second))
	if ask(far.URL, "before.old") {
		t.Error("a node without a key is believed although all living nodes have one")
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
