package client

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

const (
	page = "the page, the page, the page, the page, the page, the page"
	app  = "the app, the app, the app, the app, the app, the app, the app"
)

// small is what has br as it is stored.
func small(text string) []byte {
	var out bytes.Buffer
	w := brotli.NewWriter(&out)
	_, err := w.Write([]byte(text))
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// zipped is what has gzip, as the site makes it.
func zipped(text string) string {
	content, err := zip(func() ([]byte, error) { return []byte(text), nil })
	if err != nil {
		panic(err)
	}
	return string(content)
}

// files returns a small site with the files of a build.
func files(t *testing.T) *Site {
	t.Helper()
	s, err := load(fstest.MapFS{
		"dist/index.html.br":               {Data: small(page)},
		"dist/sw.js":                       {Data: []byte("the worker")},
		"dist/icon.png":                    {Data: []byte("the icon")},
		"dist/_expo/static/js/app-1.js.br": {Data: small(app)},
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
		{"/", "", page, "", "text/html; charset=utf-8", "no-cache"},
		{"/", "gzip, br", string(small(page)), "br", "text/html; charset=utf-8", "no-cache"},
		{"/", "gzip", zipped(page), "gzip", "text/html; charset=utf-8", "no-cache"},
		{"/sw.js", "gzip, br", "the worker", "", "text/javascript; charset=utf-8", "no-cache"},
		{"/icon.png", "br", "the icon", "", "image/png", "no-cache"},
		{"/_expo/static/js/app-1.js", "zstd", app, "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/_expo/static/js/app-1.js", "br;q=0.1, gzip;q=1", zipped(app), "gzip", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
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

func TestSite_ServesRangesOfEveryForm(t *testing.T) {
	s := files(t)
	for coding, want := range map[string]string{"identity": page, "br": string(small(page)), "gzip": zipped(page)} {
		w := ask(s, "GET", "/", "Accept-Encoding", coding, "Range", "bytes=3-7")
		if part := fmt.Sprintf("bytes 3-7/%d", len(want)); coding == "identity" && (w.Code != 206 || w.Body.String() != want[3:8] || w.Header().Get("Content-Range") != part) {
			t.Errorf("%s: %d %q of %q", coding, w.Code, w.Body, w.Header().Get("Content-Range"))
		}
		if tag := w.Header().Get("ETag"); ask(s, "GET", "/", "Accept-Encoding", coding, "Range", "bytes=3-7", "If-Range", `"other"`).Body.String() != want {
			t.Errorf("%s, %s: a range of another content", coding, tag)
		}
	}
}

// A form that is not stored is made once, however many ask for it at a time.
func TestSite_MakesAFormOnce(t *testing.T) {
	s := files(t)
	f := s.files["/"]
	var made atomic.Int64
	f.variants[identity] = variant{sync.OnceValues(func() ([]byte, error) { made.Add(1); return []byte(page), nil }), f.variants[identity].etag}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if w := ask(s, "GET", "/"); w.Body.String() != page {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	f = s.files["/_expo/static/js/app-1.js"]
	for _, coding := range []string{"gzip", identity} {
		first, _ := f.variants[coding].content()
		again, _ := f.variants[coding].content()
		if len(first) == 0 || &first[0] != &again[0] {
			t.Errorf("%s was made again", coding)
		}
	}
}

func TestSite_ADamagedFileIsAnError(t *testing.T) {
	whole := small(strings.Repeat(page, 100) + "and no more")
	s, err := load(fstest.MapFS{"dist/index.html.br": {Data: whole[:len(whole)-3]}}, "dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, coding := range []string{"gzip", "identity"} {
		if w := ask(s, "GET", "/", "Accept-Encoding", coding); w.Code != 500 || w.Header().Get("ETag") != "" || w.Header().Get("Cache-Control") != "" {
			t.Errorf("%s: %d %v", coding, w.Code, w.Header())
		}
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
	if _, err := load(fstest.MapFS{"dist/page.exe.br": {}}, "dist"); err == nil || !strings.Contains(err.Error(), "page.exe") {
		t.Errorf("a compressed file of an unknown type: %v", err)
	}
	if _, err := load(fstest.MapFS{"dist/a.js.br": {}, "dist/a.js": {}}, "dist"); err == nil || !strings.Contains(err.Error(), "two forms") {
		t.Errorf("a file in two forms: %v", err)
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
