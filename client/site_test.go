package client

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// files returns a small site with the files of a build.
func files(t *testing.T) *Site {
	t.Helper()
	s, err := load(fstest.MapFS{
		"dist/index.html":                  {Data: []byte("the page")},
		"dist/index.html.br":               {Data: []byte("page by br")},
		"dist/index.html.gz":               {Data: []byte("page by gzip")},
		"dist/sw.js":                       {Data: []byte("the worker")},
		"dist/icon.png":                    {Data: []byte("the icon")},
		"dist/_expo/static/js/app-1.js":    {Data: []byte("the app")},
		"dist/_expo/static/js/app-1.js.gz": {Data: []byte("app by gzip")},
	}, "dist")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ask sends a request. The headers are pairs of name and value.
func ask(s *Site, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestSite_ServesThePreferredCoding(t *testing.T) {
	s := files(t)
	for _, tt := range []struct{ path, accept, body, coding, contentType, cache string }{
		{"/", "", "the page", "", "text/html; charset=utf-8", "no-cache"},
		{"/", "gzip, br", "page by br", "br", "text/html; charset=utf-8", "no-cache"},
		{"/", "gzip", "page by gzip", "gzip", "text/html; charset=utf-8", "no-cache"},
		{"/sw.js", "gzip, br", "the worker", "", "text/javascript; charset=utf-8", "no-cache"},
		{"/icon.png", "br", "the icon", "", "image/png", "no-cache"},
		{"/_expo/static/js/app-1.js", "br", "the app", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/_expo/static/js/app-1.js", "br;q=1, gzip;q=0.1", "app by gzip", "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			w := ask(s, method, tt.path, "Accept-Encoding", tt.accept)
			h, wantBody := w.Header(), tt.body
			if method == "HEAD" {
				wantBody = ""
			}
			if w.Code != 200 || w.Body.String() != wantBody || h.Get("Content-Length") != strconv.Itoa(len(tt.body)) {
				t.Errorf("%s %s (%s): %d %q of %s bytes", method, tt.path, tt.accept, w.Code, w.Body, h.Get("Content-Length"))
			}
			if h.Get("Content-Encoding") != tt.coding || h.Get("Content-Type") != tt.contentType || h.Get("Cache-Control") != tt.cache {
				t.Errorf("%s %s (%s): %v", method, tt.path, tt.accept, h)
			}
			if varies := slices.Contains(h.Values("Vary"), "Accept-Encoding"); varies != (len(s.files[tt.path].variants) > 1) {
				t.Errorf("%s %s: Vary %q", method, tt.path, h.Values("Vary"))
			}
			if csp := h.Get("Content-Security-Policy"); csp != contentSecurityPolicy {
				t.Errorf("%s %s: Content-Security-Policy %q", method, tt.path, csp)
			}
		}
	}
}

func TestSite_AnswersNotModified(t *testing.T) {
	s := files(t)
	tags := map[string]bool{}
	for _, coding := range []string{"identity", "br", "gzip"} {
		first := ask(s, "GET", "/", "Accept-Encoding", coding)
		tag := first.Header().Get("ETag")
		tags[tag] = true
		for _, known := range []string{tag, `"other", W/` + tag} {
			w := ask(s, "GET", "/", "Accept-Encoding", coding, "If-None-Match", known)
			h := w.Header()
			if w.Code != 304 || w.Body.Len() > 0 || h.Get("ETag") != tag || h.Get("Cache-Control") != "no-cache" || h.Get("Vary") == "" {
				t.Errorf("%s, %s again: %d %v", coding, known, w.Code, h)
			}
		}
		if w := ask(s, "GET", "/", "Accept-Encoding", coding, "If-None-Match", `"other"`); w.Code != 200 {
			t.Errorf("%s, changed: %d", coding, w.Code)
		}
	}
	if len(tags) != 3 {
		t.Errorf("%d tags for three forms", len(tags))
	}
}

func TestSite_KeepsTheVaryOfOthers(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Origin")
	files(t).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := w.Header().Values("Vary"); !slices.Equal(got, []string{"Origin", "Accept-Encoding"}) {
		t.Errorf("Vary %q", got)
	}
}

func TestSite_HasNoOtherPaths(t *testing.T) {
	s := files(t)
	if got := s.Paths(); !slices.Equal(got, []string{"/", "/_expo/static/js/app-1.js", "/icon.png", "/sw.js"}) {
		t.Errorf("paths %v", got)
	}
	for _, path := range []string{"/index.html", "/index.html.br", "/_expo", "/_expo/static/js/app-1.js.gz", "/../site.go"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestLoad_RejectsFilesWithoutType(t *testing.T) {
	if _, err := load(fstest.MapFS{"dist/page.exe": {}}, "dist"); err == nil || !strings.Contains(err.Error(), "page.exe") {
		t.Errorf("a file of an unknown type: %v", err)
	}
	if _, err := load(fstest.MapFS{}, "dist"); err == nil {
		t.Error("no files: no error")
	}
}

func TestContentSecurityPolicy_AllowsNothingInline(t *testing.T) {
	directives := map[string]string{}
	for directive := range strings.SplitSeq(contentSecurityPolicy, "; ") {
		name, value, _ := strings.Cut(directive, " ")
		directives[name] = value
	}
	for name, want := range map[string]string{
		"default-src": "'none'", "script-src": "'self'", "connect-src": "'self'", "worker-src": "'self'", "frame-ancestors": "'none'",
		"base-uri": "'none'", "form-action": "'none'", "require-trusted-types-for": "'script'", "trusted-types": "restante",
	} {
		if directives[name] != want {
			t.Errorf("%s %q, want %q", name, directives[name], want)
		}
	}
	if strings.Contains(contentSecurityPolicy, "unsafe") || strings.Contains(contentSecurityPolicy, "*") {
		t.Error(contentSecurityPolicy)
	}
}
