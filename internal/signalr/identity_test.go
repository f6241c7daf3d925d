package signalr

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// byName takes the sender's name from the request, and rejects requests without one.
func byName(r *http.Request) (Identity, *Refusal) {
	name := r.Header.Get("X-Name")
	if name == "" {
		return Identity{}, &Refusal{
			Status: http.StatusUnauthorized, Text: "unauthenticated: a token is needed", Header: http.Header{"Www-Authenticate": {"Bearer"}},
		}
	}
	return Identity{Name: name}, nil
}

var upgrade = []string{"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}

// kindsOfRequest are requests of every kind to the URL of a connection, or of negotiate.
var kindsOfRequest = map[string]func(r *rig, suffix string, headers ...string) answer{
	"websocket": func(r *rig, suffix string, headers ...string) answer {
		return r.do("GET", suffix, "", append(headers, upgrade...)...)
	},
	"events": func(r *rig, suffix string, headers ...string) answer {
		return r.do("GET", suffix, "", append(headers, "Accept", "text/event-stream")...)
	},
	"poll": func(r *rig, suffix string, headers ...string) answer { return r.do("GET", suffix, "", headers...) },
	"post": func(r *rig, suffix string, headers ...string) answer {
		return r.do("POST", suffix, voidCall, headers...)
	},
	"delete": func(r *rig, suffix string, headers ...string) answer { return r.do("DELETE", suffix, "", headers...) },
}

func TestServer_RefusesWhoIsNotIdentified(t *testing.T) {
	page := []string{"Origin", "https://chat.example"}
	check := func(t *testing.T, a answer, want *Refusal) {
		t.Helper()
		h := a.header
		if a.status != want.Status || a.body != want.Text || h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("Access-Control-Allow-Origin") != page[1] {
			t.Errorf("%d %q %v", a.status, a.body, h)
		}
		for name := range want.Header {
			if h.Get(name) != want.Header.Get(name) {
				t.Errorf("%s is %q", name, h.Get(name))
			}
		}
	}
	for _, refusal := range []*Refusal{
		{Status: 401, Text: "unauthenticated", Header: http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}}},
		{Status: 403, Text: "forbidden"},
		{Status: 429, Text: "rate_limited", Header: http.Header{"Retry-After": {"7"}}},
		{Status: 503, Text: "unavailable", Header: http.Header{"Retry-After": {"1"}}},
	} {
		refuse := false
		r := newRig(t, Config{AllowedOrigins: page[1:], Identify: func(*http.Request) (Identity, *Refusal) {
			if refuse {
				return Identity{}, refusal
			}
			return Identity{}, nil
		}})
		suffix := "?id=" + r.negotiate()
		r.want(r.do("GET", suffix, ""), 200, "")
		refuse = true
		for _, ask := range kindsOfRequest {
			check(t, ask(r, suffix, page...), refusal)
			check(t, ask(r, "", page...), refusal)
		}
		check(t, r.do("POST", "/negotiate", "", page...), refusal)
		check(t, r.do("PUT", "", "", page...), refusal)
		if a := r.do("OPTIONS", suffix, "", append(page, "Access-Control-Request-Method", "GET")...); a.status != 204 {
			t.Errorf("a preflight carries no token, and is answered %d", a.status)
		}
		refuse = false
		r.want(r.do("DELETE", suffix, ""), 202, "")
	}
}

func TestServer_ConnectionsOfOthersAreUnknown(t *testing.T) {
	r := newRig(t, Config{Identify: byName})
	ann, bob := []string{"X-Name", "ann"}, []string{"X-Name", "bob"}
	another := func(suffix string) {
		t.Helper()
		for what, ask := range kindsOfRequest {
			if a := ask(r, suffix, bob...); a.status != 404 || a.body != errNoConnection.Text {
				t.Errorf("%s of another client: %d %q", what, a.status, a.body)
			}
		}
	}
	unused := "?id=" + r.negotiate(ann...)
	another(unused)
	socket := r.dial(unused, ann...)
	socket.send(jsonHandshake)
	socket.expectText("{}")
	another(unused)
	socket.send(voidCall)
	socket.expectText(`{"type":3,"invocationId":"0"}`)
	if a := kindsOfRequest["websocket"](r, unused, ann...); a.status != 409 {
		t.Errorf("the owner's second socket: %d", a.status)
	}

	streamed := "?id=" + r.negotiate(ann...)
	events := r.events(streamed, ann...)
	another(streamed)
	r.want(r.do("POST", streamed, jsonHandshake, ann...), 200, "")
	another(streamed)
	events.expect("{}")

	polled := "?id=" + r.negotiate(ann...)
	r.want(r.do("GET", polled, "", ann...), 200, "")
	another(polled)
	r.want(r.do("POST", polled, jsonHandshake, ann...), 200, "")
	another(polled)
	r.want(r.do("GET", polled, "", ann...), 200, "{}\x1e")
	r.want(r.do("DELETE", polled, "", ann...), 202, "")
}

// The public id is in logs and shown to others.
func TestServer_PublicIDOpensNothing(t *testing.T) {
	r := newRig(t, Config{})
	var n negotiation
	if err := json.Unmarshal([]byte(r.do("POST", "/negotiate?negotiateVersion=1", "").body), &n); err != nil {
		t.Fatal(err)
	}
	try := func() {
		t.Helper()
		for what, ask := range kindsOfRequest {
			if a := ask(r, "?id="+n.ID); a.status != 404 || a.body != errNoConnection.Text {
				t.Errorf("%s with the public id: %d %q", what, a.status, a.body)
			}
		}
	}
	try()
	r.want(r.do("GET", "?id="+n.Token, ""), 200, "")
	r.want(r.do("POST", "?id="+n.Token, jsonHandshake), 200, "")
	if id := r.nextConn().ID(); id != n.ID {
		t.Fatalf("the connection is %s, the client has %s", id, n.ID)
	}
	try()
}

func TestNodes_ConnectionsOfOthersAreUnknown(t *testing.T) {
	c := newCluster(t, Config{Identify: byName}, "aa", "bb")
	a, b := c.nodes[0], c.nodes[1]
	ann, bob := []string{"X-Name", "ann"}, []string{"X-Name", "bob"}
	suffix := "?id=" + a.negotiate(ann...)
	events := b.events(suffix, ann...)
	for what, ask := range kindsOfRequest {
		if what == "websocket" {
			continue
		}
		for _, node := range c.nodes {
			if got := ask(node, suffix, bob...); got.status != 404 {
				t.Errorf("%s of another client: %d", what, got.status)
			}
		}
		if got := ask(b, suffix); got.status != 401 {
			t.Errorf("%s without a name: %d", what, got.status)
		}
	}
	// Where its node is not known, a stolen token opens another connection, of another owner. The real owner can still
	// connect.
	other := b.dial(suffix, bob...)
	other.send(jsonHandshake)
	other.expectText("{}")
	b.want(b.do("POST", suffix, jsonHandshake, ann...), 200, "")
	events.expect("{}")
	if _, err := b.tryDial(suffix, ann...); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the socket of another client is found: %v", err)
	}
	if _, err := b.tryDial(suffix, bob...); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("a token opens two connections at once: %v", err)
	}
}

type nameKey struct{}

// The values of the opening request are in the contexts of all calls of the connection.
func TestConn_CallsHaveTheValuesOfTheOpeningRequest(t *testing.T) {
	hub := newEchoHub()
	s := New(hub, Config{Identify: byName})
	defer s.Close()
	token := newSecret()
	s.registry.reserve(s, token, Identity{Name: "ann"})
	request := func(method, body, value string) {
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), nameKey{}, value), time.Minute)
		defer cancel()
		serve(s, ctx, method, token, body, "X-Name", "ann")
	}
	request("GET", "", "first")
	request("POST", jsonHandshake, "second")
	if got := await(t, hub.conns).ctx.Value(nameKey{}); got != "first" {
		t.Errorf("the connection's context is that of the %v request", got)
	}
}

func TestWebSocket_CompressionIsNotNegotiated(t *testing.T) {
	r := newRig(t, Config{})
	var offered bool
	d := ws.Dialer{
		Header: ws.HandshakeHeaderHTTP{"Sec-WebSocket-Extensions": {"permessage-deflate; client_max_window_bits"}},
		OnHeader: func(key, _ []byte) error {
			offered = offered || strings.EqualFold(string(key), "Sec-WebSocket-Extensions")
			return nil
		},
	}
	conn, _, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(r.http.URL, "http")+"/hub")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if offered {
		t.Error("an extension was accepted")
	}
}
