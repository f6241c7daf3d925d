package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// TestNodes_NobodyReadsAlongBetweenThem has two nodes that reach each other over proxies only. What a client sends over each wire
// is forwarded and answered, and neither a text nor a token nor a path can be read in between.
func TestNodes_NobodyReadsAlongBetweenThem(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	cluster := testkit.NewCluster(t)
	var passed []func() string
	start := func(roles ...string) *testkit.Server {
		proxy := testkit.StartProxy(t, "127.0.0.1:1")
		passed = append(passed, proxy.Record())
		node := cluster.Start(t, issuer.Options("--advertise", proxy.URL()), roles...)
		proxy.Retarget(node.Addr())
		return node
	}
	api, hub := start("api", "consumer"), start("hub")
	token := issuer.Token(testkit.NewClaims("ann", "lobby"))
	as := inHeader(token)
	behindHub, behindAPI := newSite(t, hub.URL()), newSite(t, api.URL())
	eventually(t, func() bool {
		answer, _ := behindHub.ask(as, http.MethodGet, "/rooms/lobby/messages", "")
		_, negotiated := behindAPI.negotiate(as)
		return answer == "200" && negotiated == "200" // both know the other node
	})
	for _, wire := range []string{"websockets json", "sse json", "longpolling json"} {
		l, refusal := behindAPI.enter(as, wire, "room=lobby")
		if refusal != "" {
			t.Fatalf("%s: %s", wire, refusal)
		}
		text := "unreadable-" + wire[:3]
		if answer, _ := behindHub.ask(as, http.MethodPost, "/message?msg="+text, ""); answer != "202" {
			t.Fatalf("%s: post: %s", wire, answer)
		}
		if end := l.untilHeard(as, text); end != "heard" {
			t.Errorf("%s: %s", wire, end)
		}
		if got := l.call(as, "SendMessage", "lobby", "unreadable-"+wire); got != "ok" {
			t.Errorf("%s: send: %s", wire, got)
		}
		l.leave(as)
	}
	status, answer := testkit.HalfClosed(t, hub.Addr(), "POST", "/message?client_id=ann", `{"msg":"unreadable-half"}`, "Content-Type: application/json", "Authorization: Bearer "+token)
	if status != http.StatusAccepted {
		t.Errorf("half-closed: %d %s", status, answer)
	}
	for i, all := range passed {
		bytes := all()
		if len(bytes) < 1000 {
			t.Errorf("only %d bytes have passed proxy %d", len(bytes), i)
		}
		for _, secret := range []string{token, "unreadable", "Restante-", "messageHub", "/message", "Bearer"} {
			if strings.Contains(bytes, secret) {
				t.Errorf("%q can be read between the nodes", secret)
			}
		}
	}
}

// TestNodes_ReachANodeOfAVersionBefore has heartbeats without a key, as nodes of versions before keys send them.
func TestNodes_ReachANodeOfAVersionBefore(t *testing.T) {
	t.Parallel()
	cluster := testkit.NewCluster(t)
	hub := cluster.Start(t, testkit.Options{}, "hub")
	before := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "before, asked by %.16s", r.Header.Get("Restante-Forwarded"))
	}))
	defer before.Close()
	node, vhost := testkit.RabbitMQ(t).Node(0), testkit.VHostName(t, cluster.Broker[0])
	beat := func(heartbeat map[string]any) {
		t.Helper()
		text, err := json.Marshal(heartbeat)
		if err != nil {
			t.Fatal(err)
		}
		message, err := json.Marshal(map[string]any{"properties": map[string]any{}, "routing_key": "", "payload": string(text), "payload_encoding": "string"})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := node.Manage(t.Context(), "POST", "/exchanges/"+vhost+"/restante.nodes/publish", string(message)); err != nil {
			t.Fatal(body, err)
		}
	}
	ask := func() (status int, body string) {
		resp, err := http.Get(hub.URL() + "/rooms/lobby/messages")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	eventually(t, func() bool {
		beat(map[string]any{"id": "before", "url": before.URL, "roles": []string{"api"}, "secret": "s"})
		_, body := ask()
		return strings.HasPrefix(body, "before, asked by ")
	})
	eventually(t, func() bool { // a node with a key that is not the one of what answers there
		beat(map[string]any{"id": "before", "url": before.URL, "roles": []string{"api"}, "secret": "s", "key": strings.Repeat("0", 64)})
		status, body := ask()
		return status == http.StatusServiceUnavailable && strings.Contains(body, "cannot be reached")
	})
}
