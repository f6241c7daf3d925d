package e2e

import (
	"net/http"
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
