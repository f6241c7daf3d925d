// Package privacy searches the logs, audit logs and metrics of the servers of all other tests, and the answers of servers that
// refuse requests, for private data: tokens, connection tokens, and texts of messages. `make test-whole` records the
// logs and metrics, and runs this package at the end.
package privacy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestRecord_HasNothingPrivate(t *testing.T) {
	dir := os.Getenv(testkit.RecordVariable)
	if dir == "" {
		t.Skip("no record of the other tests: make test-whole makes one, and names it in " + testkit.RecordVariable)
	}
	s := scanRecord(t, dir)
	if s.debug == 0 || s.metrics == 0 || s.audit == 0 || len(s.connections) == 0 {
		t.Errorf("not a record of the tests: %d debug lines, %d lines of metrics, %d of audit logs, %d connections", s.debug, s.metrics, s.audit, len(s.connections))
	}
	const shown = 50
	leaks := s.found()
	for _, leak := range leaks[:min(len(leaks), shown)] {
		t.Error(leak)
	}
	t.Logf("%s: %d debug lines, %d lines of metrics, %d connections, %d leaks", dir, s.debug, s.metrics, len(s.connections), len(leaks))
}

// scanRecord reads all files that testkit has recorded in a directory.
func scanRecord(t *testing.T, dir string) *scanner {
	t.Helper()
	s := newScanner()
	for _, kind := range []string{testkit.LogFile, testkit.MetricsFile, testkit.AuditFile} {
		names, err := filepath.Glob(filepath.Join(dir, "*"+kind))
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 {
			t.Errorf("the record has no *%s", kind)
		}
		for _, name := range names {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.scan(filepath.Base(name), f); err != nil {
				t.Error(err)
			}
			_ = f.Close()
		}
	}
	return s
}

// The record of a server is complete, and a connection token in it is found by nothing but the id that the connection
// has in the log.
func TestRecord_IsComplete(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(testkit.RecordVariable, dir)
	issuer := testkit.NewIssuer(t)
	server := testkit.Start(t, issuer.Options())
	bearer := "Bearer " + issuer.Token(testkit.NewClaims("ann", "*"))
	_, answer := ask(t, server, http.MethodPost, "/messageHub/negotiate?negotiateVersion=1", bearer, "")
	_, body, _ := strings.Cut(answer, "\r\n\r\n")
	var negotiated struct{ ConnectionID, ConnectionToken string }
	if err := json.Unmarshal([]byte(body), &negotiated); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	ask(t, server, http.MethodGet, "/messageHub?id="+negotiated.ConnectionToken, bearer, "")
	ask(t, server, http.MethodDelete, "/messageHub?id="+negotiated.ConnectionToken, bearer, "")
	if code := server.Stop(20 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}

	s := scanRecord(t, dir)
	if s.debug == 0 || s.metrics == 0 || s.audit == 0 || !s.connections[negotiated.ConnectionID] {
		t.Errorf("%d debug lines, %d lines of metrics, %d of audit logs, connections %v", s.debug, s.metrics, s.audit, s.connections)
	}
	if leaks := s.found(); len(leaks) != 0 {
		t.Errorf("leaks: %q", leaks)
	}
	s.line("planted", []byte(`{"error":"no connection for `+negotiated.ConnectionToken+`."}`))
	if found := strings.Join(s.found(), "; "); found != "planted: a connection token" {
		t.Errorf("found %q where a connection token is planted", found)
	}
}

func TestScanner_FindsWhatIsPlanted(t *testing.T) {
	issuer := testkit.NewIssuer(t)
	token := issuer.Token(testkit.NewClaims("ann", "*"))
	const secret = "AbCdEfGhIjKlMnOpQrStU_"
	cases := map[string]string{
		`{"msg":"no connection for ` + token + `"}`:                                                               "a token",
		`{"error":"parse \"` + token[:60] + `.\""}`:                                                               "a token",
		`{"header":"Bearer AbCdEf0123456789"}`:                                                                    "a token's value",
		`{"url":"/messageHub?access_token=x"}`:                                                                    "a token in a query",
		`{"url":"/message?client_id=ann&msg=x"}`:                                                                  "a message in a query",
		`{"url":"/message?client_id=ann\u0026msg=x"}`:                                                             "a message in a query",
		`{"url":"/messageHub?id=` + secret + `"}`:                                                                 "a connection token in a query",
		`{"url":"/messageHub?a=b&id=node1.` + secret + `"}`:                                                       "a connection token in a query",
		`{"connectionToken":"` + secret + `"}`:                                                                    "a connection token by its name",
		`restante_sent_total{text="` + testkit.Private + `"} 1`:                                                   "a message",
		`{"error":"row (\\x00666f72796f7572657965736f6e6c79)"}`:                                                   "a message in hex",
		`{"body":"Zm9yeW91cmV5ZXNvbmx5IDE="}`:                                                                     "a message in base64",
		`{"error":"too long: ` + load.TimedText(22) + `"}`:                                                        "a message of the load generator",
		`{"error":"… ` + load.TimedText(200)[60:] + `"}`:                                                          "a message of the load generator",
		`WARNING: DATA RACE`:                                                                                      "a data race",
		`{"msg":"serving","url":"http://127.0.0.1:1","a":"Bearer"}`:                                               "",
		`{"msg":"stored","id":"01900000-0000-7000-8000-000000000000","room":"lobby","count=1234567890123456789"}`: "",
		`{"connection":"` + secret + `","reason":"the token has expired"}`:                                        "",
		`restante_sent_total{room="id=x"} 1`:                                                                      "",
	}
	for line, what := range cases {
		s := newScanner()
		if err := s.scan("log", strings.NewReader("{}\n"+line+"\n{}")); err != nil {
			t.Fatal(err)
		}
		want := ""
		if what != "" {
			want = "log:2: " + what
		}
		if got := strings.Join(s.found(), "; "); got != want {
			t.Errorf("%.40s…: found %q, want %q", line, got, want)
		}
	}
}

// The name of a node is part of a connection token, and of the connection's public id.
func TestScanner_KnowsATokenByItsConnection(t *testing.T) {
	const token = "node1.AbCdEfGhIjKlMnOpQrStU_"
	sum := sha256.Sum256([]byte(token))
	s := newScanner()
	for _, line := range []string{`{"error":"read 127.0.0.1.` + token + `: EOF"}`, `connection=` + base64.RawURLEncoding.EncodeToString(sum[:16])} {
		s.line("line", []byte(line))
	}
	if found := strings.Join(s.found(), "; "); found != "line: a connection token" {
		t.Errorf("found %q", found)
	}
}

// An answer that refuses a request must not repeat private data of the request: clients often log errors or send them
// to others.
func TestErrors_EchoNothingPrivate(t *testing.T) {
	const form, asJSON, secret = "application/x-www-form-urlencoded", "application/json", "AbCdEfGhIjKlMnOpQrStU_"
	issuer := testkit.NewIssuer(t)
	server := testkit.Start(t, issuer.Options("--limit-rooms", "1"))
	valid := issuer.Token(testkit.NewClaims("ann", "lobby"))
	late := issuer.Token(testkit.NewClaims("ann", "lobby").With("exp", time.Now().Add(-time.Hour).Unix()))
	cases := []struct{ what, token, path, contentType, body string }{
		{"an invalid room", valid, "/message?room=No+Room&msg=" + testkit.Private, "", ""},
		{"a room of another client", valid, "/message?room=other&msg=" + testkit.Private, "", ""},
		{"an invalid id", valid, "/message?id=7&msg=" + testkit.Private, "", ""},
		{"too long", valid, "/message", form, "msg=" + strings.Repeat(testkit.Private, 3000)},
		{"broken UTF-8", valid, "/message?msg=%ff" + testkit.Private, "", ""},
		{"broken JSON", valid, "/message", asJSON, `{"msg":"` + testkit.Private + ` \x"}`},
		{"JSON that ends too early", valid, "/message", asJSON, `{"msg":"` + testkit.Private},
		{"JSON of the wrong type", valid, "/message", asJSON, `"` + testkit.Private + `"`},
		{"a text instead of an object", valid, "/message", asJSON, testkit.Private},
		{"more after the JSON", valid, "/message", asJSON, `{"msg":"a"} ` + testkit.Private},
		{"an unknown type", valid, "/message", "text/plain", testkit.Private},
		{"no such page", valid, "/nowhere?msg=" + testkit.Private + "&access_token=" + valid, "", ""},
		{"a token that has expired", late, "/message?msg=" + testkit.Private, "", ""},
		{"a token that is not valid", valid[:len(valid)-9], "/message?msg=" + testkit.Private, "", ""},
		{"a token where none is accepted", "", "/message?access_token=" + valid + "&msg=" + testkit.Private, "", ""},
		{"a token of the hub that has expired", "", "/messageHub/negotiate?access_token=" + late, "", ""},
		{"no such connection", valid, "/messageHub?id=" + secret, "", ""},
		{"no such connection of a node", valid, "/messageHub?id=node1." + secret, "", ""},
	}
	for _, c := range cases {
		bearer := ""
		if c.token != "" {
			bearer = "Bearer " + c.token
		}
		status, answer := ask(t, server, http.MethodPost, c.path, bearer, c.body, c.contentType)
		if status < 400 || status >= 500 {
			t.Errorf("%s: answered %d", c.what, status)
		}
		s := newScanner()
		s.line("the answer", []byte(answer))
		for _, leak := range s.found() {
			t.Errorf("%s: %s", c.what, leak)
		}
		if strings.Contains(answer, secret) {
			t.Errorf("%s: the answer has the connection token", c.what)
		}
	}
}

// ask sends a request and returns the header and body of its answer.
func ask(t *testing.T, server *testkit.Server, method, path, bearer, body string, contentType ...string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", bearer)
	}
	for _, v := range contentType {
		req.Header.Set("Content-Type", v)
	}
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := httputil.DumpResponse(resp, true)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
