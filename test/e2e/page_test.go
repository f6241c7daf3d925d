package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

func TestPage_IsCompressedAndCacheable(t *testing.T) {
	s := testkit.Start(t, testkit.Options{})
	page, h := get(t, "GET", s.URL()+"/", 200)
	if h.Get("Cache-Control") != "no-cache" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" || len(h.Values("Content-Security-Policy")) != 1 {
		t.Errorf("the page: %v", h)
	}
	script := regexp.MustCompile(`<script src="([^"]+)"`).FindSubmatch(page)
	if script == nil {
		t.Fatalf("no script in %s", page)
	}
	req, err := http.NewRequestWithContext(t.Context(), "HEAD", s.URL()+string(script[1]), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != "br" || resp.ContentLength <= 0 || resp.ContentLength > 170_000 ||
		!strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %s, %d bytes, %v", script[1], resp.Status, resp.ContentLength, resp.Header)
	}
	get(t, "GET", s.URL()+"/_expo/static/js/web/other.js", 404)
}

func TestPage_CanBeLeftOut(t *testing.T) {
	embedded, err := exec.CommandContext(t.Context(), "go", "list", "-tags", "noweb", "-f", "{{.EmbedPatterns}}", "restante/client").Output()
	if err != nil || strings.TrimSpace(string(embedded)) != "[]" {
		t.Errorf("without the page, %s must be installed: %v", embedded, err)
	}
	binary := filepath.Join(t.TempDir(), "restante")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "noweb", "-o", binary, "restante/cmd/restante").CombinedOutput(); err != nil {
		t.Fatalf("go build -tags noweb: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p, err := load.StartProcess(ctx, load.Command{Path: binary, Args: []string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--log-format", "json"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if body, _ := get(t, "GET", p.URL()+"/", 404); !strings.Contains(string(body), "built without the web client") {
		t.Errorf("/: %s", body)
	}
	get(t, "GET", p.URL()+"/sw.js", 404)
	get(t, "GET", p.URL()+"/docs", 200)
}

func TestDocs_InABrowser(t *testing.T) {
	chromium := testkit.Need(t, "chromium")
	s := testkit.Start(t, testkit.Options{})
	dir := t.TempDir()
	if keep := os.Getenv("RESTANTE_TEST_SCREENSHOTS"); keep != "" {
		dir = keep
	}
	script(t, "docs.mjs", s.URL(), chromium, dir).wait()
}
