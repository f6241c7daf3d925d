package origin

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParse_ReadsEverySpellingOfAnOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://chat.example":                "https://chat.example",
		"HTTPS://Chat.EXAMPLE":                "https://chat.example",
		"https://chat.example:443":            "https://chat.example",
		"http://chat.example:80":              "http://chat.example",
		"http://chat.example:443":             "http://chat.example:443",
		"https://chat.example:80":             "https://chat.example:80",
		"http://localhost:8081":               "http://localhost:8081",
		"http://my_host:1":                    "http://my_host:1",
		"http://chat.example.":                "http://chat.example.",
		"http://127.0.0.1":                    "http://127.0.0.1",
		"http://[::1]:8080":                   "http://[::1]:8080",
		"http://[0:0::1]":                     "http://[::1]",
		"http://[2001:DB8::A]:80":             "http://[2001:db8::a]",
		"https://bücher.example":              "https://xn--bcher-kva.example",
		"https://Bücher.Example:443":          "https://xn--bcher-kva.example",
		"https://xn--bcher-kva.example":       "https://xn--bcher-kva.example",
		"https://XN--BCHER-KVA.example":       "https://xn--bcher-kva.example",
		"https://bu\u0308cher.example":        "https://xn--bcher-kva.example", // u and a combining mark
		"https://faß.example":                 "https://xn--fa-hia.example",
		"https://例え.テスト":                      "https://xn--r8jz45g.xn--zckzah",
		"https://a。example":                   "https://a.example",
		"capacitor://localhost":               "capacitor://localhost",
		"tauri://localhost:80":                "tauri://localhost:80",
		"chrome-extension://abcdefghijklmnop": "chrome-extension://abcdefghijklmnop",
	} {
		if o, err := Parse(text); err != nil || o.String() != want {
			t.Errorf("%q is %q, %v; want %q", text, o, err, want)
		}
		if o, err := Parse(want); err != nil || o.String() != want {
			t.Errorf("%q, again, is %q, %v", want, o, err)
		}
	}
}

func TestParse_RefusesWhatIsNoOrigin(t *testing.T) {
	for _, text := range []string{
		"", "null", "*", "chat.example", "//chat.example", "https:chat.example", "https:/chat.example", "https://", "https://:443", "://chat.example",
		"https://chat.example/", "https://chat.example/a", "https://chat.example?a", "https://chat.example#a", "https://chat.example\\a",
		"https://u@chat.example", "https://u:p@chat.example", "https://chat.example:", "https://chat.example:0", "https://chat.example:0443",
		"https://chat.example:443:443", "https://chat.example:+443", "https://chat.example:65536", "https://chat.example:x", "https://chat.example:44 3",
		"https://chat.example https://chat.example", "https://chat.example, https://evil.example", " https://chat.example", "https://chat.example ",
		"https://chat.example\x00", "https://chat.ex%61mple", "https://.", "http://::1", "http://[::1", "http://::1]", "http://[::1]x", "http://[]",
		"http://[fe80::1%25eth0]", "http://[fe80::1%eth0]", "http://[127.0.0.1]", "1http://a", "ht tp://a", "file://",
		"https://host：8080", "https://host／path", "https://a\u202eb.example", "https://\xff.example", "https://xn--\u00fc.example",
	} {
		if o, err := Parse(text); err == nil {
			t.Errorf("%q is taken for %q", text, o)
		}
	}
}

func TestOrigin_IsOf(t *testing.T) {
	const unknown, plain, secure = 1, 2, 4 // what is known of the scheme of the request
	for _, tt := range []struct {
		origin, host string
		own          int // where the page is the server's own
	}{
		{"http://host", "host", unknown | plain},
		{"http://host:80", "host", unknown | plain}, // React Native on Android
		{"http://host", "host:80", unknown | plain},
		{"http://HOST:80", "Host:80", unknown | plain},
		{"https://host", "host", unknown | secure},
		{"https://host:443", "host", unknown | secure},
		{"https://host", "host:443", unknown | secure},
		{"http://host:8080", "host:8080", unknown | plain},
		{"https://host:8080", "host:8080", unknown | secure},
		{"http://[::1]:80", "[::1]", unknown | plain},
		{"http://[::1]:8080", "[0::1]:8080", unknown | plain},
		{"https://bücher.example", "xn--bcher-kva.example", unknown | secure},
		{"http://host.", "host.", unknown | plain},
		// A page of another port, host or scheme is foreign.
		{"http://host:8080", "host", 0},
		{"http://host", "host:8080", 0},
		{"http://host:443", "host", 0},
		{"http://host:443", "host:80", 0},
		{"https://host:80", "host", 0},
		{"https://host", "host:80", 0},
		{"http://host", "host:443", 0},
		{"https://host:80", "host:443", 0},
		{"http://host:80", "host:8080", 0},
		{"http://host:8080", "host:80", 0},
		{"http://host.", "host", 0},
		{"http://host", "host.", 0},
		{"http://host1", "host", 0},
		{"http://xhost", "host", 0},
		{"http://a.host", "host", 0},
		{"http://[::1]", "[::2]", 0},
		{"http://127.0.0.1", "[::ffff:127.0.0.1]", 0},
		{"ftp://host", "host", 0},
		{"capacitor://host", "host", 0},
		{"http://host", "", 0},
		{"http://host", "u@host", 0},
		{"http://host", "host:", 0},
		{"http://host", "host:080", 0},
		{"http://host", "host/", 0},
	} {
		o, err := Parse(tt.origin)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for flag, known := range map[int]struct{ secure, known bool }{unknown: {}, plain: {false, true}, secure: {true, true}} {
			if o.IsOf(tt.host, known.secure, known.known) {
				got |= flag
			}
		}
		if got != tt.own {
			t.Errorf("a page of %s on %q is own where %03b, want %03b", tt.origin, tt.host, got, tt.own)
		}
	}
}

func TestList_HasEverySpellingOfItsOriginsAndNoOther(t *testing.T) {
	list, err := ParseList([]string{"https://Chat.example:443", "http://localhost:8081", "https://bücher.example"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"https://chat.example": true, "https://chat.example:443": true, "http://LOCALHOST:8081": true,
		"https://xn--bcher-kva.example": true, "https://bücher.example": true,
		"http://chat.example": false, "https://chat.example:444": false, "https://chat.example:80": false, "http://localhost": false,
		"http://localhost:80": false, "https://localhost:8081": false, "https://bucher.example": false, "null": false, "": false,
	} {
		if list.Has(text) != want {
			t.Errorf("%q is in the list: %v", text, !want)
		}
	}
	if _, err := ParseList([]string{"null", "https://ok.example", "*"}); err == nil || !strings.Contains(err.Error(), `"null"`) || !strings.Contains(err.Error(), `"*"`) {
		t.Errorf("a list with null and *: %v", err)
	}
}

func TestRefusals_LogEachOriginOnceAMinuteAndFewAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logged, nil))
		var r Refusals
		lines := func() int { return strings.Count(logged.String(), "\n") }
		for range 3 {
			r.Note(log, "https://evil.example", "chat.example")
		}
		r.Note(log, "null", "chat.example")
		if got := logged.String(); lines() != 2 || !strings.Contains(got, "origin=https://evil.example host=chat.example") ||
			!strings.Contains(got, "--cors-origin https://evil.example") || !strings.Contains(got, "cannot be allowed") {
			t.Errorf("logged %s", got)
		}
		for i := range 1000 {
			r.Note(log, fmt.Sprintf("https://%d.%s", i, strings.Repeat("x", 10_000)), "chat.example")
		}
		if lines() != perWindow || logged.Len() > perWindow*2000 {
			t.Errorf("%d lines of %d bytes in a minute", lines(), logged.Len())
		}
		<-time.After(window)
		r.Note(log, "https://evil.example", "chat.example")
		if lines() != perWindow+1 {
			t.Errorf("%d lines a minute later", lines())
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"https://chat.example:443", "http://[::1]", "https://bücher.example", "null", "http://a:080"} {
		f.Add(text, "a:80")
	}
	f.Fuzz(func(t *testing.T, text, host string) {
		o, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(o.String()); err != nil || again != o {
			t.Errorf("%q is %q, which is read as %q, %v", text, o, again, err)
		}
		if own, err := Parse("http://" + host); o.IsOf(host, false, true) && (err != nil || own != o) {
			t.Errorf("%q is taken for a page of %q", text, host)
		}
	})
}
