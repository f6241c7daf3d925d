package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/testkit"
)

// inTime is the time within which everything that a revoked token has opened must have ended, counted from the answer of the endpoint.
const inTime = 2 * time.Second

// activity is something that lasts longer than the check of its token.
type activity struct {
	kind, sub string
	over      chan struct{} // closed when it has ended
	at        time.Time     // when
	how       string
}

func (a *activity) isOver() bool {
	select {
	case <-a.over:
		return true
	default:
		return false
	}
}

// end notes how the activity has ended.
func (a *activity) end(how string) {
	a.at, a.how = time.Now(), how
	close(a.over)
}

// kinds are the activities, with how each may end when its token is revoked.
var kinds = map[string][]string{
	"stream":                 {"end"},
	"upload":                 {"401"},
	"websockets json":        {closedAsRevoked},
	"websockets messagepack": {closedAsRevoked},
	"sse json":               {closedAsRevoked},
	"longpolling json":       {closedAsRevoked, revokedAnswer},
	"sse upload":             {"401", "200", "404"}, // the connection of the POST ends, too
}

// The kinds, by whether they have a limit of time of their own.
var (
	lasting = []string{"stream", "websockets json", "websockets messagepack", "sse json", "longpolling json"}
	uploads = []string{"upload", "sse upload"}
)

const (
	closedAsRevoked = "close: The token was revoked (reconnect)"
	revokedAnswer   = `401 unauthenticated: the token was revoked [Bearer error="invalid_token"]`
)

// begin starts an activity of the client of a token.
func (s *site) begin(kind, sub, token string) *activity {
	s.t.Helper()
	a := &activity{kind: kind, sub: sub, over: make(chan struct{})}
	b := inHeader(token)
	switch kind {
	case "stream":
		resp := s.send(b, http.MethodGet, "/rooms/room/events?after=0", "")
		if resp.StatusCode != http.StatusOK {
			s.t.Fatal(resp.Status)
		}
		go func() {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			a.end("end")
		}()
	case "upload":
		s.upload(a, "/message", token)
	case "sse upload":
		l, refusal := s.enter(b, "sse json", "room=room")
		if refusal != "" {
			s.t.Fatal(refusal)
		}
		s.upload(a, l.path(""), token)
	default:
		l, refusal := s.enter(b, kind, "room=room")
		if refusal != "" {
			s.t.Fatal(kind, ": ", refusal)
		}
		go func() { a.end(l.untilHeard(b, "never sent")) }()
	}
	return a
}

// upload sends a part of a body, and waits for the answer.
func (s *site) upload(a *activity, path, token string) {
	s.t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"msg\":\"never", path, host, token)
	if err != nil {
		s.t.Fatal(err)
	}
	go func(err error) { // the body goes on, slowly
		tick := time.NewTicker(3 * time.Second)
		defer tick.Stop()
		for err == nil {
			select {
			case <-tick.C:
				_, err = conn.Write([]byte("x"))
			case <-a.over:
				return
			}
		}
	}(nil)
	go func() {
		line, err := bufio.NewReader(conn).ReadString('\n')
		if fields := strings.Fields(line); len(fields) > 1 {
			line = fields[1]
		} else if err != nil {
			line = err.Error()
		}
		a.end(line)
	}()
}

// revocations is an issuer of tokens for a group of nodes, and what revokes them.
type revocations struct {
	t      *testing.T
	issuer *testkit.Issuer
	nodes  []*site
}

func (r *revocations) token(sub string) string { return r.issuer.Token(testkit.NewClaims(sub, "room")) }

// revoke asks one of the nodes, and returns when it has answered.
func (r *revocations) revoke(node *site, body string) (answered time.Time) {
	r.t.Helper()
	operator := inHeader(r.issuer.Token(testkit.NewClaims("operator", "room").With("admin", true)))
	answer, content := node.ask(operator, http.MethodPost, "/admin/revocations", body, "Content-Type", "application/json")
	answered = time.Now()
	var done struct {
		Stored  bool
		Nodes   int
		InForce int `json:"in_force"`
	}
	if decode(r.t, content, &done); answer != "200" || !done.Stored || done.Nodes != len(r.nodes) || done.InForce != done.Nodes {
		r.t.Errorf("revoke %s: %s %s", body, answer, content)
	}
	return answered
}

// wantEnded checks that the activities of a client have ended in time and as they should, and that those of others go on.
func wantEnded(t *testing.T, all []*activity, sub string, since time.Time) (slowest time.Duration) {
	t.Helper()
	late := time.After(requestLimit)
	for _, a := range all {
		if a.sub != sub {
			continue
		}
		select {
		case <-a.over:
		case <-late:
			t.Errorf("%s of %s goes on", a.kind, a.sub)
			continue
		}
		took := a.at.Sub(since)
		if took > inTime {
			t.Errorf("%s of %s has ended %v after the answer", a.kind, a.sub, took)
		}
		slowest = max(slowest, took)
		right := false
		for _, how := range kinds[a.kind] {
			right = right || strings.HasPrefix(a.how, how)
		}
		if !right {
			t.Errorf("%s of %s has ended with %q", a.kind, a.sub, a.how)
		}
	}
	return slowest
}

// TestRevoked_AThousandTimes opens a thousand streams, connections, polls and uploads on three nodes, some of which forward them, and
// revokes their tokens in groups: each ends in time, and no other.
func TestRevoked_AThousandTimes(t *testing.T) {
	issuer, cluster := testkit.NewIssuer(t), testkit.NewCluster(t)
	r := &revocations{t: t, issuer: issuer}
	for _, roles := range []string{"api,consumer,hub", "hub", "api"} {
		node := newSite(t, cluster.Start(t, issuer.Options(), roles).URL())
		node.limit = 5 * time.Minute
		node.client.Transport.(*http.Transport).DisableKeepAlives = true
		r.nodes = append(r.nodes, node)
	}
	r.awaitNodes()
	const groups, perKind = 6, 8 // on each node
	all := &activities{}
	for g := range groups + 1 { // the last group is never revoked
		r.begin(all, fmt.Sprint("group ", g), perKind, lasting...)
	}
	all.opening.Wait()
	slowest := time.Duration(0)
	for g := range groups {
		sub := fmt.Sprint("group ", g)
		r.begin(all, sub, perKind, uploads...)
		all.opening.Wait()
		since := r.revoke(r.nodes[g%len(r.nodes)], `{"sub":"`+sub+`"}`)
		slowest = max(slowest, wantEnded(t, all.list, sub, since))
	}
	revoked := 0
	for _, a := range all.list {
		if others := a.sub == fmt.Sprint("group ", groups); !others {
			revoked++
		} else if a.isOver() {
			t.Errorf("%s of a client that was not revoked has ended with %q", a.kind, a.how)
		}
	}
	last := fmt.Sprint("group ", groups)
	wantEnded(t, all.list, last, r.revoke(r.nodes[0], `{"sub":"`+last+`"}`))
	if t.Logf("%d were ended, the slowest %v after the answer", revoked, slowest); revoked < 1000 {
		t.Errorf("only %d were revoked", revoked)
	}
}

// activities is a list that is filled concurrently.
type activities struct {
	mu      sync.Mutex
	list    []*activity
	opening sync.WaitGroup
}

// begin starts so many activities of each kind for a client on each node.
func (r *revocations) begin(all *activities, sub string, perKind int, kinds ...string) {
	token := r.token(sub)
	for _, node := range r.nodes {
		all.opening.Go(func() {
			for _, kind := range kinds {
				for range perKind {
					a := node.begin(kind, sub, token)
					all.mu.Lock()
					all.list = append(all.list, a)
					all.mu.Unlock()
				}
			}
		})
	}
}

// awaitNodes waits until every node knows all others.
func (r *revocations) awaitNodes() {
	r.t.Helper()
	operator := inHeader(r.issuer.Token(testkit.NewClaims("operator", "room").With("admin", true)))
	for i, node := range r.nodes {
		eventually(r.t, func() bool {
			_, content := node.ask(operator, http.MethodPost, "/admin/revocations", fmt.Sprintf(`{"jti":"await %d"}`, i), "Content-Type", "application/json")
			return strings.Contains(string(content), fmt.Sprintf(`"nodes":%d,"in_force":%d`, len(r.nodes), len(r.nodes)))
		})
	}
}
