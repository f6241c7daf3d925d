package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/testkit"
)

// refresher is a client over one connection that refreshes its token before the token ends, as clients of .NET 11 do.
type refresher struct {
	*hubConn
	issuer   *testkit.Issuer
	through  *site // gets the refreshes
	room     string
	lifetime time.Duration

	mu    sync.Mutex
	shown bearer // the newest token
	ends  time.Time
}

// mint makes a token that begins now.
func (r *refresher) mint() bearer {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.ends = now.Truncate(time.Second).Add(r.lifetime)
	r.shown = inHeader(r.issuer.Token(testkit.NewClaims("ann", r.room).With("iat", now.Unix()).With("exp", r.ends.Unix())))
	return r.shown
}

func (r *refresher) newest() bearer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shown
}

// lifetimeIn returns tokenLifetimeSeconds of an answer, -1 if it has none.
func lifetimeIn(t *testing.T, content []byte) int {
	t.Helper()
	var answer struct {
		Seconds *int `json:"tokenLifetimeSeconds"`
	}
	if decode(t, content, &answer); answer.Seconds == nil {
		return -1
	}
	return *answer.Seconds
}

// refresh shows a token, and returns the answer and the lifetime in it.
func (s *site) refresh(b bearer, id string) (answer string, lifetime int) {
	s.t.Helper()
	answer, content := s.ask(b, "POST", "/messageHub/refresh?id="+id, "")
	if answer != "200" {
		return answer, -1
	}
	return answer, lifetimeIn(s.t, content)
}

// read reads until the connection ends, and returns the numbers of the messages and the end.
func (r *refresher) read() (seqs []int64, end string) {
	for {
		m, end := r.next(r.newest())
		switch {
		case end != "":
			return seqs, end
		case m.Type == 7:
			return seqs, closeText(m)
		case m.Type == 1:
			var event struct{ Arguments []struct{ Seq int64 } }
			if err := json.Unmarshal([]byte(m.text), &event); err != nil {
				return seqs, err.Error()
			}
			seqs = append(seqs, event.Arguments[0].Seq)
		}
	}
}

// enterFor opens a connection that reads the room from its beginning.
func (s *site) enterFor(issuer *testkit.Issuer, through *site, wire, room string, lifetime time.Duration) *refresher {
	s.t.Helper()
	r := &refresher{issuer: issuer, through: through, room: room, lifetime: lifetime}
	b := r.mint()
	l, refusal := s.enter(b, wire, "after=0&room="+room)
	if refusal != "" {
		s.t.Fatal(refusal)
	}
	r.hubConn = l
	return r
}

// hold refreshes at half of the lifetime of each token while messages are sent, for the duration, and returns how many messages
// were sent.
func (r *refresher) hold(duration time.Duration, leeway time.Duration) (sent int) {
	r.t.Helper()
	operator := inHeader(r.issuer.Token(testkit.NewClaims("bob", r.room)))
	pause := time.NewTicker(max(50*time.Millisecond, duration/1000))
	defer pause.Stop()
	next := time.Now().Add(r.lifetime / 2)
	for began := time.Now(); time.Since(began) < duration; <-pause.C {
		if answer, _ := r.through.ask(operator, "POST", "/rooms/"+r.room+"/messages", fmt.Sprintf(`{"msg":"message %d"}`, sent+1), "Content-Type", "application/json"); answer != "202" {
			r.t.Fatal("send: ", answer)
		}
		sent++
		if time.Now().Before(next) {
			continue
		}
		next = next.Add(r.lifetime / 2)
		answer, lifetime := r.through.refresh(r.mint(), r.id)
		if most := int((r.lifetime + leeway).Seconds()); answer != "200" || lifetime > most || lifetime < most-4 {
			r.t.Errorf("refresh: %s, %d seconds", answer, lifetime)
		}
	}
	return sent
}

// check lets a connection live for the duration by refreshes, then lets its token end, and checks what it got.
func (r *refresher) check(duration, leeway time.Duration) {
	r.t.Helper()
	type reading struct {
		seqs []int64
		end  string
		at   time.Time
	}
	read := make(chan reading, 1)
	go func() {
		seqs, end := r.read()
		read <- reading{seqs, end, time.Now()}
	}()
	sent := r.hold(duration, leeway)
	got := <-read
	if got.end != "close: The token has expired (reconnect)" {
		r.t.Errorf("the connection ended with %q", got.end)
	}
	if late := got.at.Sub(r.ends.Add(leeway)); late < -2*time.Second || late > 3*time.Second {
		r.t.Errorf("the connection ended %s after its last token", late)
	}
	for i, seq := range got.seqs {
		if seq != int64(i+1) {
			r.t.Fatalf("message %d came in place %d", seq, i+1)
		}
	}
	if len(got.seqs) != sent {
		r.t.Errorf("%d of %d messages came", len(got.seqs), sent)
	}
}

// A connection whose token is refreshed in time lives for many tokens, and loses nothing. It ends with the last one.
func TestRefresh_ConnectionsOutliveTheirTokens(t *testing.T) {
	t.Parallel()
	lifetime, leeway, duration := 4*time.Second, time.Second, 16*time.Second
	if testkit.Long() {
		lifetime, duration = time.Minute, 10*time.Minute
	}
	var running sync.WaitGroup // not parallel subtests, of which only a few would run at a time
	for _, rig := range testkit.Rigs() {
		issuer := testkit.NewIssuer(t)
		s := rig.Start(t, issuer.Options("--jwt-leeway", leeway.String()))
		for _, wire := range []string{"websockets json", "sse json", "longpolling json"} {
			running.Go(func() {
				t.Run(rig.Name+" "+wire, func(t *testing.T) {
					site := newSite(t, s.URL())
					site.limit = duration + requestLimit + lifetime
					site.enterFor(issuer, site, wire, strings.ReplaceAll(wire, " ", "-"), lifetime).check(duration, leeway)
				})
			})
		}
	}
	running.Wait()
}

// The refresh comes to a node that neither has the connection nor knows who has it: the WebSocket was opened on another node than
// it was negotiated with.
func TestRefresh_ThroughAnyNode(t *testing.T) {
	t.Parallel()
	const lifetime, leeway, duration = 4 * time.Second, time.Second, 10 * time.Second
	issuer, cluster := testkit.NewIssuer(t), testkit.NewCluster(t)
	o := issuer.Options("--jwt-leeway", leeway.String())
	issuing := newSite(t, cluster.Start(t, o, "hub", "consumer").URL())
	opening := newSite(t, cluster.Start(t, o, "hub").URL())
	entry := newSite(t, cluster.Start(t, o, "api").URL())
	opening.limit = duration + requestLimit
	r := &refresher{issuer: issuer, through: entry, room: "room", lifetime: lifetime}
	b := r.mint()
	id, answer := issuing.negotiate(b)
	if id == "" {
		t.Fatal(answer)
	}
	if r.hubConn, answer = opening.open(b, "websockets json", id, "after=0&room=room"); answer != "101" {
		t.Fatal(answer)
	}
	if refusal := r.handshake(b); refusal != "" {
		t.Fatal(refusal)
	}
	for _, site := range []*site{issuing, opening, entry} {
		eventually(t, func() bool { // until the nodes know each other
			answer, lifetime := site.refresh(r.mint(), id)
			return answer == "200" && lifetime > 2
		})
		if answer, _ := site.refresh(inHeader(issuer.Token(testkit.NewClaims("bob", "room"))), id); answer != `403 {"error":"another_user"}` {
			t.Error("another client:", answer)
		}
		if answer, _ := site.refresh(bearer{}, id); answer != `401 {"error":"invalid_token"} [Bearer]` {
			t.Error("no token:", answer)
		}
		if answer, _ := site.refresh(r.newest(), id[:len(id)-1]+"x"); answer != `404 {"error":"unknown_connection_token"}` {
			t.Error("an unknown connection:", answer)
		}
		for _, question := range []string{"whereis", "takeover"} {
			if answer, _ := site.ask(r.newest(), "POST", "/messageHub/"+question+"?id="+id, "", "Restante-Forwarded", "x.y", "Restante-Question", "x.y"); answer != notFound {
				t.Errorf("a client asks %s: %s", question, answer)
			}
		}
	}
	r.check(duration, leeway)
}

// Rights follow the newest token: narrower ones within two seconds, wider ones for what comes.
func TestRefresh_RightsFollowTheNewestToken(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		issuer := testkit.NewIssuer(t)
		site := newSite(t, rig.Start(t, issuer.Options()).URL())
		now := time.Now().Unix()
		token := func(issued int64, claims testkit.Claims) bearer {
			return inHeader(issuer.Token(claims.With("iat", now-100+issued)))
		}
		for _, wire := range wires() {
			wide, narrow := testkit.NewClaims("ann", "a", "b"), testkit.NewClaims("ann", "b")
			b := token(1, wide)
			l, refusal := site.enter(b, wire, "room=a&room=b")
			if refusal != "" {
				t.Fatal(wire, refusal)
			}
			say := func(room, text string) {
				t.Helper()
				if answer, _ := site.ask(inHeader(issuer.Token(testkit.NewClaims("bob", room))), "POST", "/rooms/"+room+"/messages", `{"msg":"`+text+`"}`, "Content-Type", "application/json"); answer != "202" {
					t.Fatal(wire, answer)
				}
			}
			heard := func(b bearer, room, text string) {
				t.Helper()
				say(room, text)
				if got := l.untilHeard(b, text); got != "heard" {
					t.Fatal(wire, got)
				}
			}
			call := func(b bearer, want, method string, args ...any) {
				t.Helper()
				if got := l.call(b, method, args...); got != want {
					t.Errorf("%s: %s is answered %q, want %q", wire, method, got, want)
				}
			}
			heard(b, "a", "before")
			b = token(3, narrow)
			if answer, _ := site.refresh(b, l.id); answer != "200" {
				t.Fatal(wire, answer)
			}
			say("a", "secret")
			heard(b, "b", "allowed")
			call(b, notRoom, "JoinRoom", "a", 0)
			call(b, notRoom, "GetMessagesSince", "a", 0)
			call(b, notRoom, "SendMessage", "a", "hi")
			call(b, "ok", "SendMessage", "b", "hi")
			// The older token, which is still valid, gives nothing back.
			for _, older := range []bearer{token(2, wide), token(1, wide)} {
				if answer, _ := site.refresh(older, l.id); answer != "200" {
					t.Error(wire, answer)
				}
				call(older, notRoom, "JoinRoom", "a", 0)
			}
			b = token(4, narrow.With("publish", false))
			if answer, _ := site.refresh(b, l.id); answer != "200" {
				t.Error(wire, answer)
			}
			call(b, notSend, "SendMessage", "b", "hi")
			if strings.Contains(l.heard, "secret") {
				t.Error(wire, "a message of a room that is not allowed any more came")
			}
			b = token(5, wide)
			if answer, _ := site.refresh(b, l.id); answer != "200" {
				t.Error(wire, answer)
			}
			call(b, "ok", "JoinRoom", "a", 0)
			if got := l.untilHeard(b, "secret"); got != "heard" {
				t.Error(wire, got)
			}
			l.leave(b)
		}
	})
}
