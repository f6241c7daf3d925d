package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// scenarioLimit bounds a scenario. Most of the time a client waits before it reconnects.
const scenarioLimit = 2 * time.Minute

// whileAway is sent while no connection is possible. Some packages refuse that at once.
const whileAway = "while it is away"

// scenario is a room with messages, and a client that follows it through a proxy.
type scenario struct {
	t      *testing.T
	ctx    context.Context
	direct string // the server, without the proxy
	proxy  *testkit.Proxy
	http   *http.Client
	token  string // of the harness; empty: the server needs none
	posted int
	settings
}

// newScenario makes a room on the server at addr. A server that needs tokens has an issuer.
func newScenario(t *testing.T, addr string, issuer *testkit.Issuer) *scenario {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scenarioLimit)
	t.Cleanup(cancel)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	s := &scenario{t: t, ctx: ctx, direct: "http://" + addr, proxy: testkit.StartProxy(t, addr), http: &http.Client{Transport: transport}}
	room := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name()))
	s.settings = settings{URL: s.proxy.URL(), Room: room, After: 5, ClientID: "stock"}
	if issuer != nil {
		s.token = issuer.Token(testkit.NewClaims("harness", room))
		s.Token = issuer.Token(testkit.NewClaims(s.ClientID, room))
	}
	return s
}

// run tries a client in one of its ways.
func (s *scenario) run(command []string, w way) {
	s.t.Helper()
	p := s.begin(command, w)
	s.post(5)
	texts := []string{"one", "two: ü € 👩🏽‍💻", `three "quoted" \ <b>&amp; + %2B` + "\nline"}
	for _, text := range texts {
		p.command("send", text)
	}
	s.awaitOutcomes(p, len(texts))
	s.awaitMessages(p)

	s.proxy.Refuse(true)
	s.proxy.Cut()
	texts = append(texts, whileAway)
	p.command("send", whileAway)
	s.post(20)
	s.proxy.Refuse(false)
	s.awaitOutcomes(p, len(texts))
	s.awaitMessages(p)

	s.post(20)
	s.proxy.Stall(testkit.Down)
	s.post(10) // the cut loses what the server has sent
	s.proxy.Cut()
	s.proxy.Resume(testkit.Down)
	s.post(20)
	s.awaitMessages(p)
	s.check(p.stop(), texts)
}

// begin starts a client in a room with ten messages, and waits until it follows it.
func (s *scenario) begin(command []string, w way) *program {
	s.t.Helper()
	s.Transport, s.Protocol = w.transport, w.protocol
	s.post(10)
	p := start(s.t, command, s.settings)
	p.await(s.ctx, "ready", func(lines []line) bool { return slices.ContainsFunc(lines, func(l line) bool { return l.Ready }) })
	return p
}

// awaitOutcomes waits until the program has said of each of n texts whether it was sent.
func (s *scenario) awaitOutcomes(p *program, n int) {
	s.t.Helper()
	p.await(s.ctx, "answers to what it sends", func(lines []line) bool { return outcomes(lines) >= n })
}

// awaitMessages waits until the program has received all messages after its cursor.
func (s *scenario) awaitMessages(p *program) {
	s.t.Helper()
	total := len(s.stored()) - int(s.After)
	p.await(s.ctx, fmt.Sprintf("%d messages", total), func(lines []line) bool { return len(received(lines)) >= total })
}

func received(lines []line) (messages []line) {
	for _, l := range lines {
		if l.Seq != 0 {
			messages = append(messages, l)
		}
	}
	return messages
}

func outcomes(lines []line) (n int) {
	for _, l := range lines {
		if l.Sent != "" || l.Failed != "" {
			n++
		}
	}
	return n
}

// check compares what the client received and sent with what is stored.
func (s *scenario) check(lines []line, texts []string) {
	s.t.Helper()
	stored := s.stored()
	wanted, got := stored[s.After:], received(lines)
	for i, want := range wanted {
		if i >= len(got) {
			s.t.Fatalf("message %d and what follows is missing", want.Seq)
		}
		if got[i].Seq != want.Seq || got[i].Msg != want.Msg || got[i].ID != want.ID {
			s.t.Fatalf("got message %d %q %q, want %d %q %q", got[i].Seq, got[i].Msg, got[i].ID, want.Seq, want.Msg, want.ID)
		}
	}
	if len(got) > len(wanted) {
		s.t.Errorf("%d messages too many", len(got)-len(wanted))
	}
	for _, text := range texts {
		s.checkSent(lines, stored, text)
	}
}

// checkSent fails the test unless a text is stored once, with the id that the client was told. Only of a text that was
// sent while the client was away may the outcome be unknown to it; then it is stored once or not at all.
func (s *scenario) checkSent(lines, stored []line, text string) {
	s.t.Helper()
	var ids, told []string
	for _, l := range stored {
		if l.Msg == text {
			ids = append(ids, l.ID)
		}
	}
	failed := false
	for _, l := range lines {
		if l.Sent == text {
			told = append(told, l.ID)
		}
		failed = failed || l.Failed == text
	}
	if failed && text == whileAway && len(told) == 0 && len(ids) <= 1 {
		return
	}
	if failed || len(ids) != 1 || !slices.Equal(ids, told) {
		s.t.Errorf("%q is stored with the ids %q, the client was told %q, or that it failed: %v", text, ids, told, failed)
	}
}

// post sends n messages to the room, past the proxy.
func (s *scenario) post(n int) {
	s.t.Helper()
	for range n {
		s.posted++
		body := encode(s.t, map[string]string{"client_id": "harness", "msg": fmt.Sprintf("message %d", s.posted)})
		s.ask(http.MethodPost, "messages", body, http.StatusAccepted)
	}
}

// stored returns the messages of the room.
func (s *scenario) stored() []line {
	s.t.Helper()
	var page struct{ Messages []line }
	if err := json.Unmarshal(s.ask(http.MethodGet, "messages?limit=500&after=0", "", http.StatusOK), &page); err != nil {
		s.t.Fatal(err)
	}
	return page.Messages
}

// ask makes a request below the room, past the proxy, and returns the body of the answer.
func (s *scenario) ask(method, path, body string, status int) []byte {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx, method, s.direct+"/rooms/"+s.Room+"/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		s.t.Fatalf("%s %s: %s %v\n%s", method, path, resp.Status, err, answer)
	}
	return answer
}
