package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/testkit"
)

// table is the state of one run of the table at one node.
type table struct {
	site     *site
	right    bearer   // a token of ann, who may do everything that the ways need
	texts    int      // number of message texts used
	accepted []string // texts of messages that must be in the room, after the canary
	cells    int      // number of compared answers
}

func (b *table) text() string {
	b.texts++
	return fmt.Sprint(testkit.Private, " ", b.texts)
}

// entries runs a test body for each shape, and for a node without the roles that the requests need, which forwards them
// all to other nodes.
func entries(t *testing.T, body func(t *testing.T, start func(o testkit.Options) *testkit.Server)) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		body(t, func(o testkit.Options) *testkit.Server { return rig.Start(t, o) })
	})
	t.Run("forwarded", func(t *testing.T) {
		body(t, func(o testkit.Options) *testkit.Server {
			cluster := testkit.NewCluster(t)
			cluster.Start(t, o, "api")
			cluster.Start(t, o, "hub")
			entry := cluster.Start(t, o, "consumer")
			site := newSite(t, entry.URL())
			for method, path := range map[string]string{http.MethodGet: "/docs", http.MethodPost: "/messageHub/negotiate"} {
				eventually(t, func() bool { // until the node knows the others
					answer, _ := site.ask(bearer{}, method, path, "")
					return !strings.HasPrefix(answer, "503")
				})
			}
			return entry
		})
	})
}

// Every way with every token gives the right answer, stores nothing that was refused, and does not affect the right
// bearer.
func TestAuth_EveryWayWithEveryToken(t *testing.T) {
	t.Parallel()
	entries(t, func(t *testing.T, start func(o testkit.Options) *testkit.Server) {
		t.Parallel()
		issuer := testkit.NewIssuer(t)
		s := start(issuer.Options("--jwt-leeway", leeway.String()))
		b := newTable(t, newSite(t, s.URL()), issuer)
		for _, as := range allShown(t, issuer) {
			b.column(as, apiWays(), hubWays())
			inQuery := as
			inQuery.name, inQuery.bearer = as.name+", in the query", bearer{query: []string{strings.TrimPrefix(as.bearer.header[0], "Bearer ")}}
			b.column(inQuery, slices.DeleteFunc(append(apiWays(), hubWays()...), func(w way) bool { return !w.inQuery }))
		}
		for _, as := range oddlyShown(issuer) {
			b.column(as, apiWays(), hubWays())
		}
		t.Logf("%d cells", b.cells)
		if got := s.Log(); strings.Contains(got, canary) || strings.Contains(got, ".eyJ") { // without the dot, an id may contain it
			t.Error("the log has a message or a token")
		}
	})
}

// newTable fills the rooms with messages.
func newTable(t *testing.T, s *site, issuer *testkit.Issuer) *table {
	t.Helper()
	b := &table{site: s, right: inHeader(issuer.Token(testkit.NewClaims(sender, room)))}
	all := inHeader(issuer.Token(testkit.NewClaims(sender, "*")))
	for _, r := range []string{chat.DefaultRoom, "other", "team", "team-ab", "xteam-a", room} {
		if answer, _ := s.ask(all, http.MethodPost, "/message?msg="+strings.ReplaceAll(canary, " ", "+")+"&room="+r, ""); answer != "202" {
			t.Fatalf("fill %s: %s", r, answer)
		}
		b.waitSeq(all, r, 1)
	}
	return b
}

// waitSeq waits until a room has the message with the number seq.
func (b *table) waitSeq(as bearer, room string, seq int64) (log struct{ Messages []chat.Message }) {
	b.site.t.Helper()
	eventually(b.site.t, func() bool {
		_, content := b.site.ask(as, http.MethodGet, "/rooms/"+room+"/messages?limit=500", "")
		decode(b.site.t, content, &log)
		return len(log.Messages) > 0 && log.Messages[len(log.Messages)-1].Seq >= seq
	})
	return log
}

// column tries all ways with one token.
func (b *table) column(as shown, ways ...[]way) {
	b.site.t.Helper()
	for _, w := range slices.Concat(ways...) {
		v := as.verdict
		if w.inQuery && as.inQuery != "" {
			v = as.inQuery
		} else if !w.inQuery && len(as.bearer.header) == 0 {
			v = anonymous
		}
		want := w.want[v]
		if want == nil {
			b.site.t.Fatalf("%s: no answer is defined for %q", w.name, v)
		}
		got := w.do(&cell{site: b.site, table: b, as: as, bearer: as.bearer})
		b.cells += len(want)
		if !slices.Equal(got, want) {
			b.site.t.Errorf("%s, a token %q:\n got %q\nwant %q", w.name, as.name, got, want)
		}
	}
	b.checkAccepted(as)
}

// checkAccepted checks that the room has exactly the accepted messages. The right bearer sends the last one.
func (b *table) checkAccepted(as shown) {
	b.site.t.Helper()
	text := b.text()
	body := toJSON(map[string]string{"msg": text})
	if answer, _ := b.site.ask(b.right, http.MethodPost, "/rooms/"+room+"/messages", body, "Content-Type", asJSON); answer != "202" {
		b.site.t.Fatalf("after a token %q the right bearer gets %s", as.name, answer)
	}
	b.accepted = append(b.accepted, text)
	log := b.waitSeq(b.right, room, int64(len(b.accepted))+1)
	var stored []string
	for _, m := range log.Messages[max(0, len(log.Messages)-len(b.accepted)):] {
		stored = append(stored, m.Msg)
	}
	if want := b.accepted[len(b.accepted)-len(stored):]; !slices.Equal(stored, want) {
		b.site.t.Fatalf("after a token %q the room has %q, want %q", as.name, stored, want)
	}
}

// Names that almost match a pattern do not match.
func TestAuth_PatternsMatchExactly(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	s := newSite(t, testkit.Start(t, issuer.Options()).URL())
	as := inHeader(issuer.Token(testkit.NewClaims("ann", "team-*", "ops")))
	l, refusal := s.enter(as, "websockets json", "") // otherwise the client would join the default room, which it may not read
	if refusal != "" {
		t.Fatal(refusal)
	}
	for name, may := range map[string]bool{
		"team-a": true, "team-": true, "team-a-b": true, "ops": true,
		"team": false, "tea": false, "team.a": false, "xteam-a": false, "x-team-a": false, "op": false, "opsx": false, "ops-a": false, "lobby": false,
	} {
		want := map[bool][]string{true: {"202", "200", "ok", "ok", "ok"}, false: {"403 " + notRoom, "403 " + notRoom, notRoom, notRoom, notRoom}}[may]
		posted, _ := s.ask(as, http.MethodPost, "/message?msg=x&room="+name, "")
		read, _ := s.ask(as, http.MethodGet, "/rooms/"+name+"/messages", "")
		got := []string{posted, read, l.call(as, "SendMessage", name, "x"), l.call(as, "JoinRoom", name), l.call(as, "GetMessagesSince", name, 0)}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := l.call(as, "SendMessage", "Team-a", "x"); !strings.Contains(got, "room") || got == "ok" {
		t.Errorf("Team-a: %s", got)
	}
}
