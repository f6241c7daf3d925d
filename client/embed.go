// Package client is the web page that the server shows at /: a reader of rooms, built on nothing but the public API. Its
// files are embedded, so that the server is one binary.
package client

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// contentSecurityPolicy lets the page load and call what the server itself offers, and nothing else; nothing inline runs,
// and no text becomes markup.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Site serves the files of the page. It is safe for concurrent use.
type Site struct {
	files map[string]file // by path of the URL
}

type file struct {
	content     []byte
	contentType string
	etag        string
}

// New returns the embedded page.
func New() (*Site, error) { return load(dist, "dist") }

func load(from fs.FS, root string) (*Site, error) {
	s := &Site{files: map[string]file{}}
	err := fs.WalkDir(from, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		url := name[len(root):]
		if url == "/index.html" {
			url = "/"
		}
		sum := sha256.Sum256(content)
		s.files[url] = file{content: content, contentType: contentType(name), etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the embedded page: %w", err)
	}
	return s, nil
}

func contentType(name string) string {
	switch path.Ext(name) { // not left to the machine's own table
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// Paths lists the paths that the site serves, sorted.
func (s *Site) Paths() []string {
	paths := make([]string, 0, len(s.files))
	for p := range s.files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// ServeHTTP serves one of Paths. Browsers ask each time whether a file has changed: the ETag answers that in a few bytes.
// The headers that every answer of the server has are not set here.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) { // a list of tags, some perhaps weakened on the way
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.contentType)
	_, _ = bytes.NewReader(f.content).WriteTo(w) // a browser that has gone needs no answer
}
