package signalr

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"restante/internal/forward"
	"restante/internal/peer"
)

// secretOf is the secret of a node of that name.
func secretOf(name string) peer.Secret { return peer.Secret("secret of " + name) }

// newNode returns the forwarder of a node of that name. meet makes it know others.
func newNode(t *testing.T, name string) (*peer.Table, *forward.Forwarder) {
	t.Helper()
	table := peer.NewTable(peer.Node{ID: name, Secret: secretOf(name)})
	f := forward.New(table, forward.Config{})
	t.Cleanup(func() { _ = f.Drain(context.Background()) })
	return table, f
}

// cluster is nodes that know each other, in one process, with real HTTP between them.
type cluster struct {
	nodes  []*rig
	tables []*peer.Table
	next   int
}

func newCluster(t *testing.T, cfg Config, names ...string) *cluster {
	t.Helper()
	c := &cluster{}
	for _, name := range names {
		table, f := newNode(t, name)
		c.tables = append(c.tables, table)
		cfg := knowing(table, f, cfg)
		cfg.Node = name
		c.nodes = append(c.nodes, newRig(t, cfg))
	}
	for _, table := range c.tables {
		c.introduce(table, names...)
	}
	return c
}

// believe makes the nodes know another one, so that they believe its proof.
func (c *cluster) believe(name string) {
	for _, table := range c.tables {
		table.Heard(peer.Node{ID: name, Secret: secretOf(name)}, time.Now())
	}
}

// knowing returns the configuration with what it needs of other nodes.
func knowing(table *peer.Table, f *forward.Forwarder, cfg Config) Config {
	cfg.Forward, cfg.Forwarded, cfg.Asked, cfg.Ask = f.ToNode, forward.Forwarded, forward.Asks(table), f.Ask
	cfg.Others = func() []string { return f.Others(peer.Hub) }
	return cfg
}

// introduce makes a node know the others.
func (c *cluster) introduce(table *peer.Table, names ...string) {
	for i, name := range names {
		table.Heard(peer.Node{ID: name, URL: c.nodes[i].http.URL, Roles: peer.Roles(), Secret: secretOf(name)}, time.Now())
	}
}

// any returns each node in its turn, as a plain load balancer does.
func (c *cluster) any() *rig {
	c.next++
	return c.nodes[c.next%len(c.nodes)]
}

// kill ends a node without closing its connections.
func (r *rig) kill() {
	r.http.Listener.Close()
	r.http.CloseClientConnections()
}

const voidCall = `{"type":1,"invocationId":"0","target":"Void","arguments":[]}` + "\x1e"

func TestNodes_LongPollingOverAny(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb", "cc")
	for range 4 { // every request comes to every node once
		suffix := "?id=" + c.any().negotiate()
		want := func(a answer, status int, text string) { t.Helper(); c.nodes[0].want(a, status, text) }
		want(c.any().do("GET", suffix, ""), 200, "")
		want(c.any().do("POST", suffix, jsonHandshake), 200, "")
		want(c.any().do("GET", suffix, ""), 200, "{}\x1e")
		for range 4 {
			want(c.any().do("POST", suffix, voidCall), 200, "")
			a := c.any().do("GET", suffix, "")
			want(a, 200, `{"type":3,"invocationId":"0"}`+"\x1e")
			if a.header.Get("Content-Type") != "application/octet-stream" || a.header.Get("Cache-Control") != "no-cache, no-store, no-transform" {
				t.Errorf("header of a poll: %v", a.header)
			}
		}
		want(c.any().do("DELETE", suffix, ""), 202, "")
		want(c.any().do("GET", suffix, ""), 404, "No Connection with that ID")
	}
}

func TestNodes_PollThatIsGivenUpSwallowsNothing(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb")
	p := c.nodes[0].poll()
	before := p.present()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", c.nodes[1].http.URL+"/hub"+p.suffix, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := c.nodes[1].client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	p.until(func() bool { return p.present() != before })
	cancel()
	<-gone
	p.until(func() bool { return p.waiting() == 0 })
	p.conn.TryWrite([]byte("x"))
	p.want(c.nodes[1].do("GET", p.suffix, ""), 200, "x")
}

func TestNodes_EventsOverAny(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb", "cc")
	for range 4 {
		suffix := "?id=" + c.any().negotiate()
		e := c.any().events(suffix)
		c.nodes[0].want(c.any().do("POST", suffix, jsonHandshake), 200, "")
		e.expect("{}")
		for range 4 {
			c.nodes[0].want(c.any().do("POST", suffix, voidCall), 200, "")
			e.expect(`{"type":3,"invocationId":"0"}`)
		}
		c.nodes[0].want(c.any().do("GET", suffix, "", "Accept", "text/event-stream"), 409, "")
		e.close() // the node that has the connection learns of it
		r := c.any()
		r.until(func() bool { return r.do("POST", suffix, "").status == 404 })
	}
}

func TestNodes_WebSocketOpensWhereItArrives(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb")
	a, b := c.nodes[0], c.nodes[1]
	for _, query := range []string{"?negotiateVersion=1", ""} {
		var n negotiation
		if err := json.Unmarshal([]byte(a.do("POST", "/negotiate"+query, "").body), &n); err != nil {
			t.Fatal(err)
		}
		token := n.Token
		if token == "" {
			token = n.ID
		}
		if !strings.HasPrefix(token, "aa.") {
			t.Errorf("token %s does not name its node", token)
		}
		w := b.dial("?id=" + token)
		w.send(jsonHandshake)
		w.expectText("{}")
		switch id := b.nextConn().ID(); {
		case n.Token != "" && id != n.ID:
			t.Errorf("the connection is %s, the client has %s", id, n.ID)
		case id == token:
			t.Error("a secret is shown as public id")
		}
		if _, err := b.tryDial("?id=" + token); err == nil || !strings.Contains(err.Error(), "409") {
			t.Errorf("a token opens two connections at once: %v", err)
		}
		b.want(b.do("POST", "?id="+token, "x"), 405, "")
		w.send(`{"type":7}` + "\x1e")
		w.expectText(`{"type":7}`)
		w.expectEnd(ws.StatusNormalClosure)
	}
	// The node that has negotiated may have stopped, or be unknown.
	w := b.dial("?id=zz." + newSecret())
	w.send(jsonHandshake)
	w.expectText("{}")
	for _, bad := range []string{"aa.", "aa.short", ".x", "AA." + newSecret(), "a-a." + newSecret(), newSecret()} {
		if _, err := b.tryDial("?id=" + bad); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s opens a connection: %v", bad, err)
		}
	}
}

func TestNodes_KilledNode(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb")
	a, b := c.nodes[0], c.nodes[1]
	p := a.poll()
	streams := "?id=" + a.negotiate()
	e := b.events(streams)
	polled := make(chan answer, 1)
	before := p.present()
	go func() { polled <- b.do("GET", p.suffix, "") }()
	p.until(func() bool { return p.present() != before })

	a.kill()
	if got := await(t, polled); got.status != 503 {
		t.Errorf("the poll in progress got %d, want 503", got.status)
	}
	if line, err := e.in.ReadString('\n'); err == nil {
		t.Errorf("the stream goes on with %q", line)
	}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		for _, suffix := range []string{p.suffix, streams, "?id=never." + newSecret()} {
			if got := b.do(method, suffix, ""); got.status != 404 {
				t.Errorf("%s for a node that has stopped: %d, want 404", method, got.status)
			}
		}
	}
}

// A node that was started again has another name and, often, the same address.
func TestNodes_RestartedNode(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb")
	table, f := newNode(t, "cc")
	reborn := newRig(t, Config{Node: "cc", Forward: f.ToNode})
	c.nodes = append(c.nodes, reborn)
	c.introduce(table, "aa", "bb", "cc")
	table.Heard(peer.Node{ID: "old", URL: reborn.http.URL}, time.Now()) // it also gets its own last heartbeat
	other, forward := newNode(t, "dd")
	other.Heard(peer.Node{ID: "old", URL: reborn.http.URL}, time.Now())
	asks := newRig(t, Config{Node: "dd", Forward: forward.ToNode})
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if got := asks.do(method, "?id=old."+newSecret(), ""); got.status != 404 {
			t.Errorf("%s: %d, want 404", method, got.status)
		}
	}
}

func TestNodes_OriginIsDecidedOnce(t *testing.T) {
	c := newCluster(t, Config{AllowedOrigins: []string{"https://chat.example"}}, "aa", "bb")
	suffix := "?id=" + c.nodes[0].negotiate()
	for _, a := range []answer{
		c.nodes[1].do("GET", suffix, "", "Origin", "https://chat.example"),
		c.nodes[1].do("POST", suffix, "[]", "Origin", "https://chat.example"),
		c.nodes[1].do("GET", "?id=aa."+newSecret(), "", "Origin", "https://chat.example"),
		c.nodes[1].do("GET", "?id=zz."+newSecret(), "", "Origin", "https://chat.example"),
	} {
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "https://chat.example", "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
		} {
			if got := a.header[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%d: %s is %q", a.status, name, got)
			}
		}
	}
	a := c.nodes[1].do("POST", suffix, "", "Origin", "https://evil.example")
	if a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a foreign page may read: %v", a.header)
	}
	if a := c.nodes[1].do("OPTIONS", suffix, "", "Origin", "https://chat.example", "Access-Control-Request-Method", "GET"); a.status != 204 {
		t.Errorf("preflight: %d", a.status)
	}
}

// The other node may allow other pages; the decision of this one counts.
func TestNodes_OriginIsNotPassedOn(t *testing.T) {
	var got http.Header
	other := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { got = req.Header })
	r := newRig(t, Config{Node: "aa", Forward: func(string) http.Handler { return other }, AllowedOrigins: []string{"https://chat.example"}})
	r.do("POST", "?id=bb."+newSecret(), "", "Origin", "https://chat.example", "Authorization", "Bearer t")
	if got.Get("Origin") != "" || got.Get("Authorization") == "" {
		t.Errorf("passed on with %v", got)
	}
}

func TestNodes_OneNodeAsEver(t *testing.T) {
	r := newRig(t, Config{})
	if token := r.negotiate(); len(token) != secretLength {
		t.Errorf("token %s", token)
	}
	foreign := "?id=aa." + newSecret()
	for _, method := range []string{"GET", "POST", "DELETE"} {
		r.want(r.do(method, foreign, ""), 404, "No Connection with that ID")
	}
	if _, err := r.tryDial(foreign); err == nil {
		t.Error("a node without a name opens the token of another")
	}
}

// front returns a node without connections, in front of those of the names. They believe its questions.
func (c *cluster) front(t *testing.T, names ...string) *rig {
	t.Helper()
	table, f := newNode(t, "api")
	c.introduce(table, names...)
	c.believe("api")
	front := *c.nodes[0] // its methods, at another address
	front.http = httptest.NewServer(Elsewhere(knowing(table, f, Config{}), f.ToRole(peer.Hub)))
	t.Cleanup(func() {
		front.client.CloseIdleConnections()
		front.http.Close()
	})
	return &front
}

func TestElsewhere_FindsTheNode(t *testing.T) {
	c := newCluster(t, Config{AllowedOrigins: []string{"https://chat.example"}}, "aa", "bb")
	front := c.front(t, "aa", "bb")
	for range 6 {
		suffix := "?id=" + front.negotiate()
		front.want(front.do("GET", suffix, ""), 200, "")
		front.want(front.do("POST", suffix, jsonHandshake), 200, "")
		a := front.do("GET", suffix, "", "Origin", "https://chat.example")
		front.want(a, 200, "{}\x1e")
		if a.header.Get("Access-Control-Allow-Origin") != "https://chat.example" {
			t.Errorf("CORS: %v", a.header)
		}
		if a := front.do("OPTIONS", suffix, "", "Origin", "https://chat.example", "Access-Control-Request-Method", "GET"); a.status != 204 {
			t.Errorf("preflight: %d", a.status)
		}
		front.want(front.do("DELETE", suffix, ""), 202, "")
		w := front.dial("?id=" + front.negotiate())
		w.send(jsonHandshake)
		w.expectText("{}")
		_ = w.conn.Close()
	}
	front.want(front.do("GET", "?id=zz."+newSecret(), ""), 404, "No Connection with that ID")
	front.want(front.do("GET", "", ""), 400, "Connection ID required")
}

// Many clients negotiate on this node and open their WebSockets on another.
func TestServer_KeepsManyUnusedTokens(t *testing.T) {
	s := New(newEchoHub(), Config{Node: "aa"})
	defer s.Close()
	for range 15_000 {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", "/hub/negotiate?negotiateVersion=1", nil))
		if w.Code != 200 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
}
