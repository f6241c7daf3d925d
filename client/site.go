// Package client serves the web client at /. The web client is the web build of the app in this directory, which uses only
// the public API. Its files are embedded, so that the server is one binary.
package client

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
)

// contentSecurityPolicy lets the page load from and call only this server. Inline code does not run, and a string cannot
// become markup or code. The hash is that of the empty string: react-native-web adds one empty style element, and then adds
// its rules one by one. The only Trusted Types policy is the one for the address of the service worker.
//
// 'self' includes WebSockets of the same host since Chromium 64, Firefox 50 and Safari 15.4. An older Safari falls back to
// server-sent events.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; " +
	"img-src 'self' data:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; font-src 'none'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types restante"

// How long a browser may cache a file. A file with a digest in its name never changes and is cached for ever. A browser must
// revalidate every other file, which the ETag makes cheap.
const (
	immutable  = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
	digestDir  = "/_expo/static/"
)

// contentTypes has the content type of every file extension in dist. The machine's table is not used.
var contentTypes = map[string]string{
	".css":         "text/css; charset=utf-8",
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".png":         "image/png",
	".svg":         "image/svg+xml",
	".txt":         "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json",
}

// Site serves the files of the web client. It is safe for concurrent use.
type Site struct {
	files map[string]file // by path of the URL
}

type file struct {
	contentType  string
	cacheControl string
	variants     map[string]variant // by content coding; identity always exists
	codings      []string           // the keys of variants, the smallest variant first
}

// variant is a file in a content coding. The content of a form that is not stored is made by the first call, and kept.
type variant struct {
	content func() ([]byte, error)
	etag    string
}

// New returns the embedded web client, or nil if this program was built without it.
func New() (*Site, error) {
	if !Embedded {
		return nil, nil
	}
	s, err := load(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("read the embedded web client: %w", err)
	}
	return s, nil
}

// load reads the files to serve from the directory root. Each file is there once: compressed by Brotli, with the suffix .br, if that
// makes it smaller.
func load(from fs.FS, root string) (*Site, error) {
	s := &Site{files: map[string]file{}}
	err := fs.WalkDir(from, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		url := strings.TrimSuffix(name[len(root):], suffix)
		if url == "/index.html" {
			url = "/"
		}
		if _, twice := s.files[url]; twice {
			return fmt.Errorf("%s: the file is there in two forms", name)
		}
		s.files[url], err = open(from, name)
		return err
	})
	return s, err
}

// suffix marks files that are stored compressed by Brotli.
const suffix = ".br"

// open reads a file, and says how the forms are made in which it is not stored. The tags of all forms come from the stored one: they are
// the same on all nodes, whatever gzip makes there.
func open(from fs.FS, name string) (file, error) {
	plain, compressed := strings.CutSuffix(name, suffix)
	f := file{contentType: contentTypes[path.Ext(plain)], cacheControl: revalidate}
	if f.contentType == "" {
		return f, fmt.Errorf("%s: no content type is known for this extension", name)
	}
	if strings.Contains(name, digestDir) {
		f.cacheControl = immutable
	}
	stored, err := fs.ReadFile(from, name)
	if err != nil {
		return f, err
	}
	sum := sha256.Sum256(stored)
	tag := hex.EncodeToString(sum[:8])
	asStored := variant{func() ([]byte, error) { return stored, nil }, `"` + tag + `"`}
	if !compressed {
		f.variants, f.codings = map[string]variant{identity: asStored}, []string{identity}
		return f, nil
	}
	expanded := sync.OnceValues(func() ([]byte, error) { return expand(stored) })
	f.codings = []string{"br", "gzip", identity}
	f.variants = map[string]variant{
		"br":     asStored,
		"gzip":   {sync.OnceValues(func() ([]byte, error) { return zip(expanded) }), `"` + tag + `-gzip"`},
		identity: {expanded, `"` + tag + `-plain"`},
	}
	return f, nil
}

// expand returns what was compressed by Brotli.
func expand(stored []byte) ([]byte, error) {
	content, err := io.ReadAll(brotli.NewReader(bytes.NewReader(stored)))
	if err != nil {
		return nil, fmt.Errorf("expand a file that is stored compressed: %w", err)
	}
	return bytes.Clone(content), nil // without the room to grow that io.ReadAll leaves
}

// zip compresses a content by gzip. Browsers take Brotli only over TLS and on their own machine.
func zip(expanded func() ([]byte, error)) ([]byte, error) {
	content, err := expanded()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is valid
	_, err = w.Write(content)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
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

// ServeHTTP serves one of Paths in the content coding that the browser prefers. It does not set the headers that the server
// adds to every answer.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	coding := negotiate(r.Header.Values("Accept-Encoding"), f.codings)
	v := f.variants[coding]
	content, err := v.content()
	if err != nil {
		http.Error(w, "the server's copy of this file is damaged", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", f.cacheControl)
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", v.etag)
	if len(f.codings) > 1 {
		h.Add("Vary", "Accept-Encoding")
	}
	if coding != identity {
		h.Set("Content-Encoding", coding)
		h.Set("Content-Length", strconv.Itoa(len(content))) // ServeContent does not set it for encoded content
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
