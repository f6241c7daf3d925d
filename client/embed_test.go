//go:build !noweb

package client

import (
	"bytes"
	"compress/gzip"
	"io"
	"regexp"
	"strings"
	"testing"
)

// embedded is the web client as this program serves it.
func embedded(t *testing.T) *Site {
	t.Helper()
	s, err := New()
	if err != nil || s == nil {
		t.Fatalf("%v, %v", s, err)
	}
	return s
}

// contentOf returns the content of a file in a coding.
func contentOf(t *testing.T, f file, coding string) []byte {
	t.Helper()
	content, err := f.variants[coding].content()
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestNew_ServesAllThatThePageNames(t *testing.T) {
	s := embedded(t)
	page := ask(s, "GET", "/").Body.String()
	named := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page, -1)
	manifest := regexp.MustCompile(`"src": "(/[^"]+)"`).FindAllStringSubmatch(ask(s, "GET", "/manifest.webmanifest").Body.String(), -1)
	worker := regexp.MustCompile(`"(/[^"]*)",\n +"sha256-`).FindAllStringSubmatch(ask(s, "GET", "/sw.js").Body.String(), -1)
	if len(named) < 5 || len(manifest) < 3 || len(worker) < 3 {
		t.Errorf("the page names %d files, the manifest %d, the worker %d", len(named), len(manifest), len(worker))
	}
	for _, match := range append(append(named, manifest...), worker...) {
		if w := ask(s, "GET", match[1]); match[1] != "/docs" && (w.Code != 200 || w.Body.Len() == 0) {
			t.Errorf("%s: %d", match[1], w.Code)
		}
	}
}

func TestNew_FormsAreThoseOfTheFile(t *testing.T) {
	for path, f := range embedded(t).files {
		plain := contentOf(t, f, identity)
		if script := strings.HasSuffix(path, ".js"); script && len(f.codings) < 3 || len(plain) == 0 {
			t.Errorf("%s: %v of %d bytes", path, f.codings, len(plain))
		}
		for _, coding := range f.codings[:len(f.codings)-1] {
			small := contentOf(t, f, coding)
			if len(small) >= len(plain) {
				t.Errorf("%s: %s has %d bytes, identity %d", path, coding, len(small), len(plain))
			}
			if coding != "gzip" {
				continue
			}
			r, err := gzip.NewReader(bytes.NewReader(small))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if content, err := io.ReadAll(r); err != nil || !bytes.Equal(content, plain) {
				t.Errorf("%s differs from its gzip form: %v", path, err)
			}
		}
	}
}

func TestNew_NothingIsInlineOrFromElsewhere(t *testing.T) {
	s := embedded(t)
	inline := regexp.MustCompile(`(?i)<style|<script(?:\s+defer|\s+src="[^"]*")*\s*>[^<]|\son[a-z]+\s*=|\sstyle\s*=|(?:src|href)="(?:[a-z]+:)?//`)
	if found := inline.FindAllString(ask(s, "GET", "/").Body.String(), -1); found != nil {
		t.Errorf("the page has %q", found)
	}
	address := regexp.MustCompile(`https?://[a-z0-9.-]+\.[a-z]+`)
	for path, f := range s.files {
		if path == "/licenses.txt" {
			continue
		}
		for _, url := range address.FindAllString(string(contentOf(t, f, identity)), -1) {
			switch url {
			case "http://www.w3.org": // the name of a namespace, not an address
			case "https://react.dev", "https://aka.ms", "https://learn.microsoft.com": // in error texts
			default:
				t.Errorf("%s names %s", path, url)
			}
		}
	}
}
