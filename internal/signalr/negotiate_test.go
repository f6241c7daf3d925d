package signalr

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestServer_Negotiates(t *testing.T) {
	r := newRig(t, Config{})
	transports := []any{
		map[string]any{"transport": "WebSockets", "transferFormats": []any{"Text", "Binary"}},
		map[string]any{"transport": "ServerSentEvents", "transferFormats": []any{"Text"}},
		map[string]any{"transport": "LongPolling", "transferFormats": []any{"Text", "Binary"}},
	}
	for query, version := range map[string]float64{
		"?negotiateVersion=1": 1, "?NEGOTIATEVERSION=1&useStatefulReconnect=true": 1, "?negotiateVersion=7": 1, "?negotiateVersion=0": 0, "": 0,
	} {
		a := r.do("POST", "/negotiate"+query, "")
		if a.status != 200 || a.header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %+v", query, a)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			t.Fatal(err)
		}
		id, _ := got["connectionId"].(string)
		token, hasToken := got["connectionToken"].(string)
		if got["negotiateVersion"] != version || len(id) < 22 || hasToken != (version == 1) || (hasToken && (len(token) < 22 || token == id)) ||
			!reflect.DeepEqual(got["availableTransports"], transports) || len(got) != 3+int(version) {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	r.want(r.do("POST", "/negotiate?negotiateVersion=x", ""), 200, `{"error":"The client requested a non-integer protocol version."}`)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		r.want(r.do(method, "/negotiate", ""), 405, "")
	}
}

func TestServer_IDs(t *testing.T) {
	r := newRig(t, Config{})
	var n negotiation
	if err := json.Unmarshal([]byte(r.do("POST", "/negotiate?negotiateVersion=1", "").body), &n); err != nil {
		t.Fatal(err)
	}
	if _, err := r.tryDial("?id=" + n.ID); err == nil {
		t.Error("the public id opens a connection")
	}
	c := r.dial("?ID=" + n.Token)
	c.send(jsonHandshake)
	c.expectText("{}")
	if got := r.nextConn().ID(); got != n.ID {
		t.Errorf("id %s, negotiated %s", got, n.ID)
	}
	var old negotiation
	if err := json.Unmarshal([]byte(r.do("POST", "/negotiate", "").body), &old); err != nil {
		t.Fatal(err)
	}
	c = r.dial("?id=" + old.ID)
	c.send(jsonHandshake)
	c.expectText("{}")
	if r.nextConn().ID() == old.ID {
		t.Error("a secret is shown as public id")
	}
}

func TestServer_BoundsUnusedTokens(t *testing.T) {
	r := newRig(t, Config{MaxUnused: 2, IdleTimeout: 50 * time.Millisecond})
	first := r.negotiate()
	r.negotiate()
	if a := r.do("POST", "/negotiate?negotiateVersion=1", ""); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("third: %+v", a)
	}
	r.until(func() bool { return r.do("POST", "?id="+first, "").status == 404 })
	r.until(func() bool { return r.do("POST", "/negotiate?negotiateVersion=1", "").status == 200 })
}

func TestServer_Statuses(t *testing.T) {
	r := newRig(t, Config{})
	const sse = "text/event-stream"
	for _, method := range []string{"GET", "POST", "DELETE"} {
		r.want(r.do(method, "", ""), 400, "Connection ID required")
		r.want(r.do(method, "?id=", ""), 400, "Connection ID required")
		r.want(r.do(method, "?id=nope", ""), 404, "No Connection with that ID")
	}
	r.want(r.do("GET", "?id=nope", "", "Accept", sse), 404, "No Connection with that ID")
	r.want(r.do("GET", "", "", "Accept", sse), 400, "Connection ID required")
	upgrade := []string{"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	r.want(r.do("GET", "?id=nope", "", upgrade...), 404, "No Connection with that ID")
	r.want(r.do("PUT", "?id=nope", ""), 405, "")
	r.want(r.do("PATCH", "", ""), 405, "")
	r.want(r.do("OPTIONS", "", ""), 405, "")
	if a := r.do("GET", "", "", "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13"); a.status != 400 {
		t.Errorf("upgrade without key: %+v", a)
	}

	unopened := "?id=" + r.negotiate()
	r.want(r.do("DELETE", unopened, ""), 400, "Cannot terminate this connection using the DELETE endpoint.")

	socket := "?id=" + r.negotiate()
	c := r.dial(socket)
	c.send(jsonHandshake)
	c.expectText("{}")
	r.want(r.do("POST", socket, "x"), 405, "POST requests are not allowed for WebSocket connections.")
	r.want(r.do("DELETE", socket, ""), 400, "Cannot terminate this connection using the DELETE endpoint.")
	r.want(r.do("GET", socket, ""), 400, "Cannot change transports mid-connection")
	r.want(r.do("GET", socket, "", "Accept", sse), 400, "Cannot change transports mid-connection")
	r.want(r.do("GET", socket, "", upgrade...), 409, "")

	stream := "?id=" + r.negotiate()
	events := r.events(stream)
	r.want(r.do("GET", stream, "", "Accept", sse), 409, "")
	r.want(r.do("GET", stream, ""), 400, "Cannot change transports mid-connection")
	r.want(r.do("GET", stream, "", upgrade...), 400, "Cannot change transports mid-connection")
	r.want(r.do("DELETE", stream, ""), 400, "Cannot terminate this connection using the DELETE endpoint.")
	events.close()

	poll := "?id=" + r.negotiate()
	r.want(r.do("GET", poll, ""), 200, "")
	r.want(r.do("GET", poll, "", "Accept", sse), 400, "Cannot change transports mid-connection")
	r.want(r.do("GET", poll, "", upgrade...), 400, "Cannot change transports mid-connection")
	r.want(r.do("DELETE", poll, ""), 202, "")
	r.want(r.do("DELETE", poll, ""), 404, "No Connection with that ID")
	r.want(r.do("GET", poll, ""), 404, "No Connection with that ID")
	r.want(r.do("POST", poll, ""), 404, "No Connection with that ID")
}

func TestServer_EndedWebSocketIsUnknown(t *testing.T) {
	r := newRig(t, Config{})
	socket := "?id=" + r.negotiate()
	c := r.dial(socket)
	c.send(jsonHandshake)
	c.expectText("{}")
	c.send(`{"type":7}` + "\x1e")
	c.expectText(`{"type":7}`)
	c.expectEnd(ws.StatusNormalClosure)
	await(t, r.hub.closed)
	if _, err := r.tryDial(socket); err == nil {
		t.Error("a token opens its connection twice")
	}
}

func TestConfig_Validate(t *testing.T) {
	if err := (Config{AllowedOrigins: []string{"https://a.example:1", "http://b"}}).Validate(); err != nil {
		t.Error(err)
	}
	err := Config{AllowedOrigins: []string{"*", "https://a/", "a.example"}, KeepAlive: -1, MessageTimeout: -1, MaxMessage: -1}.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("not every fault is named: %v", err)
	}
}

// As in ASP.NET, the case of the path and a slash at its end do not matter.
func TestPaths_InAnySpelling(t *testing.T) {
	r := newRig(t, Config{})
	for _, path := range []string{"/negotiate", "/NEGOTIATE", "/Negotiate/", "//negotiate"} {
		var n negotiation
		a := r.do("POST", path+"?negotiateVersion=1", "")
		if err := json.Unmarshal([]byte(a.body), &n); err != nil || n.Token == "" {
			t.Errorf("%s is answered %d %q", path, a.status, a.body)
			continue
		}
		r.want(r.do("GET", "/?id="+n.Token, ""), 200, "")
	}
	r.want(r.do("POST", "/renegotiate", ""), 400, "Connection ID required")
}
