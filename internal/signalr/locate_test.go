package signalr

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/peer"
)

func TestNodes_RefreshFindsTheConnection(t *testing.T) {
	c := newCluster(t, tokens(), "aa", "bb", "cc")
	a, b := c.nodes[0], c.nodes[1]
	token, newer := bearer("ann", 1, 60), bearer("ann", 2, 600)
	for name, open := range opened {
		t.Run(name, func(t *testing.T) {
			for _, node := range c.nodes {
				suffix := open(a, token)
				c.nodes[0].wantRefreshed(node.do("POST", "/refresh"+suffix, "", newer...), 600)
				c.nodes[0].wantRefreshed(node.do("POST", "/refresh"+suffix, "", token...), 600)
				node.wantRefused(node.do("POST", "/refresh"+suffix, "", bearer("bob", 3, 60)...), 403, "another_user")
			}
		})
	}
	// A WebSocket is open where it arrived, not where it was negotiated, where the token waits to be forgotten.
	for _, node := range c.nodes {
		suffix := "?id=" + a.negotiate(token...)
		w := b.dial(suffix, token...)
		w.send(jsonHandshake)
		w.expectText("{}")
		node.wantRefreshed(node.do("POST", "/refresh"+suffix, "", newer...), 600)
		if got := await(t, b.hub.renewed).Value(claimKey{}); got != "Bearer ann 2 600" {
			t.Errorf("the connection has the rights of %v", got)
		}
		node.wantRefused(node.do("POST", "/refresh"+suffix, "", bearer("bob", 3, 60)...), 403, "another_user")
		inHeader := append(bearer("ann", 2, 600), connectionHeader, strings.TrimPrefix(suffix, "?id="))
		node.wantRefreshed(node.do("POST", "/refresh?id=7", "", inHeader...), 600)
	}
	for _, node := range c.nodes {
		for _, unknown := range []string{"aa." + newSecret(), "zz." + newSecret(), newSecret(), "aa." + statefulMark + newSecret()} {
			node.wantRefused(node.do("POST", "/refresh?id="+unknown, "", newer...), 404, "unknown_connection_token")
		}
		node.wantRefused(node.do("POST", "/refresh?id=aa."+newSecret(), ""), 401, "invalid_token")
	}
}

func TestNodes_RefreshKeepsItsOrigin(t *testing.T) {
	cfg := tokens()
	cfg.AllowedOrigins = []string{"https://chat.example"}
	c := newCluster(t, cfg, "aa", "bb")
	suffix := opened["long polling"](c.nodes[0], bearer("ann", 1, 60))
	a := c.nodes[1].do("POST", "/refresh"+suffix, "x", append(bearer("ann", 2, 600), "Origin", "https://chat.example")...)
	c.nodes[1].wantRefreshed(a, 600)
	if got := a.header["Access-Control-Allow-Origin"]; len(got) != 1 || got[0] != "https://chat.example" {
		t.Errorf("the answer may be read by %q", got)
	}
}

// A node without connections finds the one that has it, and lets another one refuse what cannot be found.
func TestElsewhere_RefreshFindsTheConnection(t *testing.T) {
	c := newCluster(t, tokens(), "aa", "bb")
	front := c.front(t, "aa", "bb")
	token, newer := bearer("ann", 1, 60), bearer("ann", 2, 600)
	suffix := "?id=" + c.nodes[0].negotiate(token...)
	front.wantRefreshed(front.do("POST", "/refresh"+suffix, "", token...), 60)
	w := c.nodes[1].dial(suffix, token...)
	w.send(jsonHandshake)
	w.expectText("{}")
	front.wantRefreshed(front.do("POST", "/refresh"+suffix, "", newer...), 600)
	await(t, c.nodes[1].hub.renewed)
	inHeader := append(bearer("ann", 2, 600), connectionHeader, strings.TrimPrefix(suffix, "?id="))
	front.wantRefreshed(front.do("POST", "/refresh?room=a", "", inHeader...), 600)
	front.wantRefused(front.do("POST", "/refresh"+suffix, ""), 401, "invalid_token")
	front.wantRefused(front.do("POST", "/refresh", "", newer...), 400, "missing_connection_token")
	front.wantRefused(front.do("POST", "/refresh?id=aa."+newSecret(), "", newer...), 404, "unknown_connection_token")
	if a := front.do("GET", "/refresh"+suffix, "", newer...); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

func TestNodes_RefreshWhileANodeIsAway(t *testing.T) {
	c := newCluster(t, tokens(), "aa", "bb", "cc")
	token, newer := bearer("ann", 1, 60), bearer("ann", 2, 600)
	suffix := "?id=" + c.nodes[0].negotiate(token...)
	w := c.nodes[1].dial(suffix, token...)
	w.send(jsonHandshake)
	w.expectText("{}")
	c.nodes[0].kill() // the token names it
	c.nodes[2].wantRefreshed(c.nodes[2].do("POST", "/refresh"+suffix, "", newer...), 600)
	c.nodes[1].wantRefreshed(c.nodes[1].do("POST", "/refresh"+suffix, "", newer...), 600)
	c.nodes[1].kill()
	c.nodes[2].wantRefused(c.nodes[2].do("POST", "/refresh"+suffix, "", newer...), 404, "unknown_connection_token")
}

// A node that accepts connections and says nothing does not keep the others from answering. If they do not have the connection,
// the client is told that it cannot be known now.
func TestNodes_RefreshWhileANodeHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tableA, fa := newNode(t, "aa")
	tableB, fb := newNode(t, "bb")
	cfg := knowing(tableA, fa, tokens())
	cfg.Node = "aa"
	a := newRig(t, cfg)
	cfg = knowing(tableB, fb, tokens())
	cfg.Node = "bb"
	b := newRig(t, cfg)
	for _, table := range []*peer.Table{tableA, tableB} {
		for name, url := range map[string]string{"aa": a.http.URL, "bb": b.http.URL, "hh": "http://" + listener.Addr().String()} {
			table.Heard(peer.Node{ID: name, URL: url, Roles: peer.Roles(), Secret: secretOf(name)}, time.Now())
		}
	}
	token, newer := bearer("ann", 1, 60), bearer("ann", 2, 600)
	suffix := "?id=hh." + newSecret()
	w := b.dial(suffix, token...)
	w.send(jsonHandshake)
	w.expectText("{}")
	a.wantRefreshed(a.do("POST", "/refresh"+suffix, "", newer...), 600)
	began := time.Now()
	a.wantRefused(a.do("POST", "/refresh?id=bb."+newSecret(), "", newer...), 503, "unavailable")
	if took := time.Since(began); took > locateTimeout+2*time.Second {
		t.Errorf("the answer took %s", took)
	}
}

func TestNodes_QuestionsNeedTheProof(t *testing.T) {
	cfg := tokens()
	cfg.Asked = func(r *http.Request) bool { return r.Header.Get("X-Proof") == "proof" }
	cfg.Forwarded = func(r *http.Request) bool { return r.Header.Get("X-Proof") == "forwarded" }
	r := newRig(t, cfg)
	token := bearer("ann", 1, 60)
	node := append([]string{"X-Proof", "proof"}, token...)
	for name, open := range opened {
		suffix := open(r, token)
		for _, path := range []string{"/whereis", "/takeover", "/WHEREIS", "/takeover/"} {
			r.want(r.do("POST", path+suffix, "", token...), 404, errNoConnection.Text)
			r.want(r.do("POST", path+suffix, "", append(token, "X-Proof", "forwarded")...), 404, errNoConnection.Text)
			r.want(r.do("GET", path+suffix, "", node...), 404, errNoConnection.Text)
		}
		want := `{"open":true}`
		if name == "not opened" {
			want = `{"unused":true}`
		}
		r.want(r.do("POST", "/whereis"+suffix, "", node...), 200, want)
		if a := r.do("POST", "/whereis"+suffix, "", "X-Proof", "proof"); a.status != 401 {
			t.Errorf("%s: a question without the client's token is answered %d", name, a.status)
		}
		r.want(r.do("POST", "/takeover"+suffix, "", append(bearer("bob", 1, 60), "X-Proof", "proof")...), 200, map[bool]string{true: `{}`, false: want}[name == "not opened"])
		if name == "not opened" {
			r.want(r.do("POST", "/takeover"+suffix, "", node...), 200, `{"taken":true}`)
			r.want(r.do("POST", "/takeover"+suffix, "", node...), 200, `{}`)
			if a := r.do("GET", suffix, "", token...); a.status != 404 {
				t.Errorf("a token that was taken over opens a connection: %d", a.status)
			}
		}
	}
	r.want(r.do("POST", "/whereis?id="+newSecret(), "", node...), 200, `{}`)
}

// A token that many nodes want is given to one of them.
func TestLocate_TakesATokenOnce(t *testing.T) {
	c := newCluster(t, tokens(), "aa", "bb", "cc")
	token := bearer("ann", 1, 60)
	for range 10 {
		id := c.nodes[0].negotiate(token...)
		var taken atomic.Int32
		var running sync.WaitGroup
		for range 5 {
			for _, node := range c.nodes[1:] {
				running.Go(func() {
					place, err := node.server.locate(questionOf(t, id, token), id, true)
					if err != nil {
						t.Error(err)
					}
					if place.Taken {
						taken.Add(1)
					}
				})
			}
		}
		running.Wait()
		if n := taken.Load(); n != 1 {
			t.Errorf("%d nodes may open the connection", n)
		}
	}
}

// questionOf returns a request of a client for the connection of a token.
func questionOf(t *testing.T, id string, token []string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/hub?id="+id, nil)
	r.Header = header(token)
	return r
}

// Nobody asks on behalf of another node, and nobody is asked about a token without a node.
func TestLocate_AsksNobody(t *testing.T) {
	asked := 0
	ask := func(*http.Request, string) (int, []byte, error) { asked++; return 200, []byte(`{"open":true}`), nil }
	others := func() []string { return []string{"bb"} }
	s := New(newEchoHub(), Config{Node: "aa", Ask: ask, Others: others, Forwarded: func(r *http.Request) bool { return r.Header.Get("X-Node") != "" }})
	defer s.Close()
	for _, tc := range []struct {
		id, node string
		asked    int
	}{{newSecret(), "", 0}, {"aa." + newSecret(), "yes", 0}, {"aa." + newSecret(), "", 1}, {"cc." + newSecret(), "", 1}} {
		asked = 0
		r := questionOf(t, tc.id, nil)
		r.Header.Set("X-Node", tc.node)
		if _, err := s.locate(r, tc.id, false); err != nil || asked != tc.asked {
			t.Errorf("%+v: asked %d times, %v", tc, asked, err)
		}
	}
}

// What is not the answer to a question says nothing: a node of an earlier version takes it for a POST.
func TestLocate_OtherAnswers(t *testing.T) {
	for body, want := range map[string]bool{"": false, "ok": false, "null": false, "{}": false, `{"open":true}`: true} {
		for _, status := range []int{200, 404, 405} {
			cfg := Config{Node: "aa", Ask: func(*http.Request, string) (int, []byte, error) { return status, []byte(body), nil }}
			s := New(newEchoHub(), cfg)
			place, err := s.locate(questionOf(t, "bb."+newSecret(), nil), "bb."+newSecret(), false)
			if found := want && status == 200; err != nil || place.Open != found || found && place.Node != "bb" {
				t.Errorf("%d %q: %+v, %v", status, body, place, err)
			}
			s.Close()
		}
	}
}

// The node that the token names is asked alone first, so that the others have nothing to do as a rule.
func TestLocate_AsksTheIssuerFirst(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	answers := map[string]string{}
	ask := func(r *http.Request, node string) (int, []byte, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, node)
		if r.Method != "POST" || r.URL.Path != "/chat/whereis" || r.URL.Query().Get("access_token") != "t" || r.Header.Get("Origin") != "" {
			t.Errorf("asks with %s %s", r.Method, r.URL)
		}
		b, _ := json.Marshal(map[string]bool{answers[node]: true})
		return 200, b, nil
	}
	s := New(newEchoHub(), Config{Node: "aa", Ask: ask, Others: func() []string { return []string{"bb", "cc", "dd"} }})
	defer s.Close()
	find := func(says map[string]string) Place {
		answers, asked = says, nil
		r := httptest.NewRequestWithContext(context.Background(), "POST", "/chat/refresh/?access_token=t", nil)
		r.Header.Set("Origin", "https://chat.example")
		place, err := s.locate(r, "bb."+newSecret(), false)
		if err != nil {
			t.Error(err)
		}
		return place
	}
	if place := find(map[string]string{"bb": "open"}); place.Node != "bb" || len(asked) != 1 {
		t.Errorf("%+v, asked %q", place, asked)
	}
	// The issuer does not know that its token was used elsewhere.
	if place := find(map[string]string{"bb": "unused", "dd": "open"}); place.Node != "dd" || len(asked) != 3 || asked[0] != "bb" {
		t.Errorf("%+v, asked %q", place, asked)
	}
	if place := find(map[string]string{"bb": "unused"}); place.Node != "bb" || !place.Unused || len(asked) != 3 {
		t.Errorf("%+v, asked %q", place, asked)
	}
}
