package client

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestSite_ServesThePage(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for path, contentType := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"} {
		if !slices.Contains(s.Paths(), path) {
			t.Errorf("%s is not listed in %v", path, s.Paths())
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		h := w.Header()
		if w.Code != 200 || w.Body.Len() == 0 || !strings.HasPrefix(h.Get("Content-Type"), contentType) ||
			h.Get("Cache-Control") != "no-cache" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'; ") {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
		again := httptest.NewRequest("GET", path, nil)
		again.Header.Set("If-None-Match", `"other", W/`+h.Get("ETag"))
		w = httptest.NewRecorder()
		s.ServeHTTP(w, again)
		if w.Code != 304 || w.Body.Len() > 0 {
			t.Errorf("%s again: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/index.html", nil))
	if w.Code != 404 {
		t.Errorf("index.html: %d", w.Code)
	}
}

func TestSite_NeedsNothingFromElsewhere(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	foreign := regexp.MustCompile(`https?://[a-z0-9.]+`)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\son[a-z]+="|style="`)
	for path, f := range s.files {
		for _, url := range foreign.FindAllString(string(f.content), -1) {
			if url != "http://www.w3.org" { // a name, not an address
				t.Errorf("%s names %s", path, url)
			}
		}
		if found := markup.FindAllString(string(f.content), -1); found != nil {
			t.Errorf("%s: %q could make markup of a message, or is forbidden by the policy", path, found)
		}
	}
}
