package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// refused returns the answer to a message with a token.
func (s *site) refused(token string) string {
	s.t.Helper()
	answer, _ := s.ask(inHeader(token), http.MethodPost, "/rooms/room/messages", `{"msg":"hi"}`, "Content-Type", "application/json")
	return answer
}

// later returns a token of a client that was issued after what was revoked until now.
func (r *revocations) later(sub string) string {
	return r.issuer.Token(testkit.NewClaims(sub, "room").With("iat", time.Now().Add(2*time.Second).Unix()))
}

// TestRevoked_OnBothShapes: it is in force when it is answered, stays over kill -9, and newer tokens and other clients are untouched.
func TestRevoked_OnBothShapes(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		issuer := testkit.NewIssuer(t)
		server := rig.Start(t, issuer.Options())
		node := newSite(t, server.URL())
		node.client.Transport.(*http.Transport).DisableKeepAlives = true
		r := &revocations{t: t, issuer: issuer, nodes: []*site{node}}
		r.awaitNodes()
		all := &activities{}
		r.begin(all, "ann", 1, append(append([]string{}, lasting...), uploads...)...)
		r.begin(all, "bob", 1, lasting...)
		all.opening.Wait()
		old, once := r.token("ann"), issuer.Token(testkit.NewClaims("bob", "room").With("jti", "7"))
		kept, refusal := node.enter(inHeader(old), "websockets json", "room=room") // shows a newer token before the revocation
		if refusal != "" {
			t.Fatal(refusal)
		}
		newer := r.later("ann")
		if answer, _ := node.refresh(inHeader(newer), kept.id); answer != "200" {
			t.Fatal(answer)
		}
		wantEnded(t, all.list, "ann", r.revoke(node, `{"sub":"ann"}`))
		r.revoke(node, `{"jti":"7"}`)
		if got := kept.call(inHeader(newer), "SendMessage", "room", "still here"); got != "ok" {
			t.Error("a connection with a newer token: ", got)
		}
		check := func(when string) {
			t.Helper()
			for name, token := range map[string]string{"a revoked client": old, "a revoked token": once} {
				if got := node.refused(token); got != revokedAnswer {
					t.Errorf("%s, %s: %s", when, name, got)
				}
			}
			for name, token := range map[string]string{"a newer token": newer, "another client": r.token("bob")} {
				if got := node.refused(token); got != "202" {
					t.Errorf("%s, %s: %s", when, name, got)
				}
			}
		}
		check("at once")
		for _, a := range all.list {
			if a.sub == "bob" && a.isOver() {
				t.Errorf("%s of bob has ended with %q", a.kind, a.how)
			}
		}
		wantEnded(t, all.list, "bob", r.revoke(node, `{"sub":"bob"}`))
		server.Kill()
		server.Restart()
		eventually(t, func() bool { return node.refused(newer) == "202" })
		if got := node.refused(old); got != revokedAnswer {
			t.Error("after kill -9: ", got)
		}
	})
}

// TestRevoked_WhileTheStoreIsAway: the broker keeps it, a node that starts meanwhile knows it, and the store gets it.
func TestRevoked_WhileTheStoreIsAway(t *testing.T) {
	issuer, cluster := testkit.NewIssuer(t), testkit.NewCluster(t)
	address, proxy := testkit.Through(t, cluster.Store)
	cluster.Store = address
	first := newSite(t, cluster.Start(t, issuer.Options()).URL())
	r := &revocations{t: t, issuer: issuer, nodes: []*site{first}}
	old := r.token("ann")
	if got := first.refused(old); got != "202" {
		t.Fatal(got)
	}
	proxy.Refuse(true)
	proxy.Cut()
	unknowing := newSite(t, cluster.Start(t, issuer.Options()).URL()) // nothing is revoked yet: it takes tokens
	if got := unknowing.refused(old); got != "202" {
		t.Error("before a revocation: ", got)
	}
	operator := inHeader(issuer.Token(testkit.NewClaims("operator", "room").With("admin", true)))
	answer, content := first.ask(operator, http.MethodPost, "/admin/revocations", `{"sub":"ann"}`, "Content-Type", "application/json")
	if answer != "200" || !strings.Contains(string(content), `"stored":false`) {
		t.Fatalf("%s %s", answer, content)
	}
	started := newSite(t, cluster.Start(t, issuer.Options()).URL())
	for name, node := range map[string]*site{"the node that has revoked": first, "another one": unknowing, "one that has started since": started} {
		eventually(t, func() bool { return node.refused(old) == revokedAnswer })
		if got := node.refused(old); got != revokedAnswer {
			t.Errorf("%s: %s", name, got)
		}
		if got := node.refused(r.token("bob")); got != "202" {
			t.Errorf("%s, another client: %s", name, got)
		}
	}
	proxy.Refuse(false)
	eventually(t, func() bool {
		answer, content := first.ask(operator, http.MethodPost, "/admin/revocations", `{"jti":"is the store back"}`, "Content-Type", "application/json")
		return answer == "200" && strings.Contains(string(content), `"stored":true`)
	})
}

// TestRevoked_CommandLine: the command says where it is in force, and lists what is revoked.
func TestRevoked_CommandLine(t *testing.T) {
	issuer := testkit.NewIssuer(t)
	server := testkit.Start(t, issuer.Options())
	operator := issuer.Token(testkit.NewClaims("operator", "room").With("admin", true))
	run := func(args ...string) string {
		t.Helper()
		return testkit.Run(t, "", testkit.Binary(t), append(append([]string{"revoke"}, args...), "--url", server.URL(), "--token", operator)...)
	}
	if out := run("--sub", "ann", "--reason", "lost phone"); !strings.Contains(out, "in force on 1 of 1 nodes") || !strings.Contains(out, "tokens of ann issued before") {
		t.Error(out)
	}
	if out := run("--jti", "7"); !strings.Contains(out, "revoked: token 7\n") {
		t.Error(out)
	}
	if out := run("list"); !strings.Contains(out, "jti 7") || !strings.Contains(out, "sub ann before") || !strings.Contains(out, "lost phone") {
		t.Error(out)
	}
	if out := run("list", "--json"); strings.Count(out, `"until"`) != 2 {
		t.Error(out)
	}
}
