package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// audited returns the lines of an audit log that are of an event, "" for all.
func audited(t *testing.T, text, event string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if fields["audit"] == true && (event == "" || fields["event"] == event) {
			lines = append(lines, fields)
		}
	}
	return lines
}

// has reports whether a line has these fields: names and values.
func has(lines []map[string]any, fields ...string) bool {
	for _, line := range lines {
		all := true
		for i := 0; i < len(fields); i += 2 {
			all = all && line[fields[i]] == fields[i+1]
		}
		if all {
			return true
		}
	}
	return false
}

// The audit log says who has signed in, who was refused or denied, from where and why, and holds neither tokens nor texts. A flood of
// bad tokens makes few lines.
func TestAudit_SaysWhoWasRefusedAndWhy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "audit.log")
	issuer := testkit.NewIssuer(t)
	for name, args := range map[string][]string{"its own file": {"--audit-log", file}, "the log": nil, "off": {"--audit-log", "off"}} {
		t.Run(name, func(t *testing.T) {
			o := issuer.Options(append(args, "--trusted-proxy", "127.0.0.1")...)
			if name == "the log" {
				o.Env = append(o.Env, "RESTANTE_AUDIT_LOG=") // a record of all tests sets it
			}
			s := testkit.Start(t, o)
			site := newSite(t, s.URL())
			provoke(t, site, issuer)
			if code := s.Stop(20 * time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
			text := s.Log()
			switch name {
			case "its own file":
				if len(audited(t, text, "")) != 0 {
					t.Error("the log has the lines, too")
				}
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				text = string(content)
			case "off":
				if strings.Contains(text, `"audit"`) {
					t.Error("the log has lines of the audit log")
				}
				return
			}
			checkAudit(t, text)
		})
	}
}

// flood is how many requests with bad tokens come from one address.
const flood = 2000

// provoke does everything once that the audit log should tell of.
func provoke(t *testing.T, site *site, issuer *testkit.Issuer) {
	t.Helper()
	claims := testkit.NewClaims("ann", "team-a").With("jti", "token-1")
	ann := inHeader(issuer.Token(claims))
	reader := inHeader(issuer.Token(claims.With("publish", false).With("sub", "reader")))
	admin := inHeader(issuer.Token(testkit.NewClaims("root").With("admin", true)))
	expired := inHeader(issuer.Token(claims.With("exp", time.Now().Add(-time.Hour).Unix())))
	for _, r := range []struct {
		as           bearer
		method, path string
		header       []string
		want         string
	}{
		{ann, "POST", "/message?room=team-a&msg=" + testkit.Private, nil, "202"},
		{ann, "GET", "/rooms/team-a/messages", nil, "200"},
		{ann, "POST", "/message?room=other&msg=" + testkit.Private, nil, "403"},
		{ann, "GET", "/rooms/other/messages", []string{"X-Forwarded-For", "198.51.100.7", "X-Request-Id", "asked-1"}, "403"},
		{ann, "GET", "/rooms/other/events", nil, "403"},
		{ann, "POST", "/message?room=team-a&client_id=bob&msg=x", nil, "403"},
		{reader, "POST", "/message?room=team-a&msg=x", nil, "403"},
		{ann, "GET", "/metrics", nil, "403"},
		{admin, "GET", "/metrics", nil, "200"},
		{ann, "POST", "/message?room=team-a&msg=x", []string{"Origin", "https://evil.example.org"}, "403"},
		{ann, "POST", "/messageHub/negotiate", []string{"Origin", "https://evil.example.org"}, "403"},
		{bearer{}, "GET", "/rooms", nil, "401"},
		{expired, "GET", "/rooms", nil, "401"},
		{expired, "POST", "/messageHub/negotiate", nil, "401"},
		{bearer{}, "GET", "/", nil, "200"},
		{bearer{}, "GET", "/healthz", nil, "200"},
	} {
		if got, _ := site.ask(r.as, r.method, r.path, "", r.header...); !strings.HasPrefix(got, r.want) {
			t.Errorf("%s %s: %s, want %s", r.method, r.path, got, r.want)
		}
	}
	l, refusal := site.enter(ann, "websockets json", "room=team-a")
	if refusal != "" {
		t.Fatal(refusal)
	}
	if got := l.call(ann, "JoinRoom", "other"); !strings.Contains(got, "forbidden") {
		t.Errorf("JoinRoom: %s", got)
	}
	for i := range flood {
		resp := site.send(inHeader(fmt.Sprintf("eyJhbGciOiJIUzI1NiJ9.e30.%04d", i)), http.MethodGet, "/rooms", "", "X-Forwarded-For", "203.0.113.9")
		_ = resp.Body.Close()
	}
}

// checkAudit checks the lines that provoke has made.
func checkAudit(t *testing.T, text string) {
	t.Helper()
	for _, want := range [][]string{
		{"event", "sign_in", "outcome", "ok", "sub", "ann", "jti", "token-1", "from", "127.0.0.1"},
		{"event", "sign_in", "outcome", "ok", "sub", "root"},
		{"event", "refused", "outcome", "refused", "reason", "missing", "action", "GET /rooms"},
		{"event", "refused", "outcome", "refused", "reason", "expired", "action", "GET /rooms"},
		{"event", "refused", "outcome", "refused", "reason", "expired", "action", "/messageHub"},
		{"event", "refused", "outcome", "refused", "reason", "issuer", "from", "203.0.113.9"},
		{"event", "denied", "reason", "room", "room", "other", "action", "POST /message", "sub", "ann"},
		{"event", "denied", "reason", "room", "room", "other", "from", "198.51.100.7", "request_id", "asked-1", "action", "GET /rooms/{room}/messages"},
		{"event", "denied", "reason", "room", "room", "other", "action", "GET /rooms/{room}/events"},
		{"event", "denied", "reason", "room", "room", "other", "action", "/messageHub JoinRoom", "sub", "ann"},
		{"event", "denied", "reason", "client_id", "sub", "ann"},
		{"event", "denied", "reason", "read_only", "sub", "reader"},
		{"event", "denied", "reason", "admin", "action", "GET /metrics", "sub", "ann"},
		{"event", "denied", "reason", "origin", "action", "POST /message"},
		{"event", "denied", "reason", "origin", "action", "/messageHub"},
	} {
		if !has(audited(t, text, ""), want...) {
			t.Errorf("no line has %q", want)
		}
	}
	lines, told := 0, 0
	for _, line := range audited(t, text, "refused") {
		if line["from"] == "203.0.113.9" {
			lines++
			told++
			if more, ok := line["more"].(float64); ok {
				told += int(more) - 1
			}
		}
	}
	if lines > 50 || told != flood {
		t.Errorf("%d lines tell of %d refused requests of %d", lines, told, flood)
	}
	if n := len(audited(t, text, "")); n > 100 {
		t.Errorf("%d lines", n)
	}
	for _, secret := range []string{testkit.Private, "eyJ", "evil.example.org/"} {
		if strings.Contains(text, secret) {
			t.Errorf("the lines have %q", secret)
		}
	}
}
