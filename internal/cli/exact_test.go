package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
)

func TestSend_ChangesNoByte(t *testing.T) {
	s := startServer(t)
	texts := []string{
		"\ufeffa byte order mark", "NUL \x00 and \x1b[31m", "a\rb", " blanks \u3000", "<&>\u2028\u2029", "U+FFFD \ufffd stays", "e\u0301 \u00e9", "\\u0000 \"quoted\"", "tab\tand\vmore\f",
		strings.Repeat("é", chat.MaxMsgBytes/2), "the last one ends with a CR\r",
	}
	got := run(t.Context(), strings.Join(texts, "\n"), "send", "--url", s.url())
	if stored := s.log("lobby"); got.code != exitOK || !slices.Equal(stored, texts) {
		t.Errorf("%d %s: stored %q", got.code, got.err, stored)
	}
	got = run(t.Context(), "one\r\n\r\ntwo\r\r\n\nthree\r\n", "send", "--url", s.url(), "--room", "crlf")
	if stored := s.log("crlf"); got.code != exitOK || !slices.Equal(stored, []string{"one", "two\r", "three"}) {
		t.Errorf("%d %s: stored %q", got.code, got.err, stored)
	}
}

// badLines are five lines, of which the second to the fourth cannot be messages.
var badLines = "one\ncaf\xe9\n" + strings.Repeat("x", maxLine+1) + "\n" + strings.Repeat("x", chat.MaxMsgBytes+1) + "\nfive"

func TestSend_RefusesWhatIsNotUTF8(t *testing.T) {
	s := startServer(t)
	got := run(t.Context(), "one\ncaf\xe9\nthree\n", "send", "--url", s.url())
	if got.code != exitFailed || strings.Count(got.out, "\n") != 1 || !strings.Contains(got.err, "line 2: is not UTF-8: byte 4 is 0xe9") {
		t.Errorf("%+v", got)
	}
	got = run(t.Context(), badLines, "send", "--url", s.url(), "--on-error", "continue")
	for _, want := range []string{"line 2: is not UTF-8", "line 3: is longer than 1048576 bytes", "line 4: message ", "3 lines were refused; 2 messages were accepted"} {
		if strings.Count(got.err, want) != 1 {
			t.Errorf("%q is not told once: %s", want, got.err)
		}
	}
	if got.code != exitFailed || strings.Count(got.out, "\n") != 2 {
		t.Errorf("%+v", got)
	}
	for text, where := range map[string]string{"caf\xe9": "byte 4 is 0xe9", "\xed\xa0\x80": "byte 1 is 0xed", "ok \xf0\x9f\x98": "byte 4 is 0xf0"} {
		if got := run(t.Context(), "", "send", "--url", s.url(), text); got.code != exitFailed || got.out != "" || !strings.Contains(got.err, "the message is not UTF-8: "+where) {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if stored := s.log("lobby"); !slices.Equal(stored, []string{"one", "one", "five"}) {
		t.Errorf("stored %q", stored)
	}
}

// TestSend_ContinuesOnlyWhereTheTextWasAtFault has a server that refuses the client, and one that is not there.
func TestSend_ContinuesOnlyWhereTheTextWasAtFault(t *testing.T) {
	attempts := 0
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		attempts++
		w.WriteHeader(http.StatusForbidden)
	}))
	got := run(t.Context(), "one\ntwo\n", "send", "--url", fake.URL, "--on-error=continue")
	if got.code != exitFailed || attempts != 1 || !strings.Contains(got.err, "line 1") {
		t.Errorf("%d attempts, %+v", attempts, got)
	}
	fake.Close()
	got = run(t.Context(), "one\ntwo\n", "send", "--url", fake.URL, "--on-error=continue", "--timeout", "300ms")
	if got.code != exitUnavailable || !strings.Contains(got.err, "line 1") || strings.Contains(got.err, "line 2") {
		t.Errorf("%+v", got)
	}
}

func TestSend_TrimsTheNameAndNothingElse(t *testing.T) {
	s := startServer(t)
	got := run(t.Context(), "", "send", "--url", s.url(), "--client-id", "\u3000ann\n", "--json", " hi ")
	var m chat.Message
	if err := json.Unmarshal([]byte(got.out), &m); err != nil || m.ClientID != "ann" || m.Msg != " hi " {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"a\u202eb", "caf\xe9", "\u3164", "a\nb", strings.Repeat("x", 129)} {
		if got := run(t.Context(), "", "send", "--url", s.url(), "--client-id", name, "hi"); got.code != exitUsage || !strings.Contains(got.err, "--client-id") {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

func TestTail_ShowsWhatOthersWroteHarmlessly(t *testing.T) {
	const hostile = "\x1b]0;title\a\x1b[2J\r\b\u009b31m\u202e\u2066\x7f\n2026-01-01 00:00:00 root: hi"
	const harmless = `\x1b]0;title\a\x1b[2J\r\b\u009b31m\u202e\u2066\x7f\n2026-01-01 00:00:00 root: hi`
	text, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	event := fmt.Sprintf("id: 1\nevent: message\ndata: {\"seq\":1,\"client_id\":%s,\"msg\":%s}\n\n", text, text)
	s := startScripted(t, event)
	tl := startTail(t, "--url", s.url, "--after", "0")
	if got := tl.out.wait(t, 1); len(got) != 1 || !strings.HasSuffix(got[0], " "+harmless+": "+harmless) {
		t.Errorf("%q", got)
	}
	tl.end()

	s = startScripted(t, event)
	tl = startTail(t, "--url", s.url, "--after", "0", "--json")
	var m chat.Message
	if got := tl.out.wait(t, 1); json.Unmarshal([]byte(got[0]), &m) != nil || m.Msg != hostile || m.ClientID != hostile {
		t.Errorf("--json: %q", got)
	}
	tl.end()
}

func TestErrors_ShowWhatAServerSaysHarmlessly(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			_, _ = io.WriteString(w, `{"status":"degraded\u001b[2J","checks":[{"name":"a\u202e","reason":"b\nc"}]}`)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"detail":"no\u001b[2J","errors":[{"field":"f\u009b","message":"m\r\nrestante: all is well"}]}`)
	}))
	defer fake.Close()
	got := run(t.Context(), "", "send", "--url", fake.URL, "hi")
	if want := `no\x1b[2J; f\u009b: m\r\nrestante: all is well`; got.code != exitFailed || !strings.HasSuffix(got.err, want+"\n") {
		t.Errorf("%q, want %q", got.err, want)
	}
	if got := run(t.Context(), "", "health", "--url", fake.URL); got.out != `degraded\x1b[2J; a\u202e: b\nc`+"\n" {
		t.Errorf("%q", got.out)
	}
	if got := run(t.Context(), "", "health", "\x1b[2J"); strings.Contains(got.err, "\x1b") {
		t.Errorf("%q", got.err)
	}
}

func TestSend_ReadsInputWithoutAnEnd(t *testing.T) {
	got := run(t.Context(), "", "send", "--url", "http://127.0.0.1:1")
	if got.code != exitOK || got.out != "" {
		t.Errorf("no input: %+v", got)
	}
	endless := &lineReader{in: newLineReader(zeros{}).in}
	if _, err := endless.next(); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a line without an end: %v", err)
	}
}

// zeros is an endless input without a line end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
