package api

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/memory"
)

// A body takes memory when it has arrived, not when it is promised, and gives it back with the answer.
func TestAPI_BodiesGrowWithWhatHasArrived(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 8 << 20})
	hold := func(context.Context) *memory.Holding { return budget.Hold(memory.Body, "ann") }
	a := newAPI(t, newMemory(), func(c *Config) { c.HoldBody = hold })
	for _, target := range []string{"/message", "/rooms/lobby/messages"} {
		r := httptest.NewRequest("POST", target, nil)
		r = r.WithContext(auth.With(r.Context(), auth.Anyone()))
		r.ContentLength = 262_000
		seen := make(chan int, 2)
		r.Body = io.NopCloser(io.MultiReader(probe{seen, budget}, strings.NewReader(strings.Repeat("x", 100_000)), probe{seen, budget}))
		a.ServeHTTP(httptest.NewRecorder(), r)
		if first, last := <-seen, <-seen; first != 0 || last < 100_000 {
			t.Errorf("%s: %d bytes are held for a promise, %d for 100,000 bytes", target, first, last)
		}
		if used := budget.Used(); used != 0 {
			t.Errorf("%s: %d bytes are held after the answer", target, used)
		}
	}
}

// probe tells what is held when it is read, and has no bytes.
type probe struct {
	seen   chan int
	budget *memory.Budget
}

// Read implements io.Reader.
func (p probe) Read([]byte) (int, error) {
	p.seen <- p.budget.Used()
	return 0, io.EOF
}

// Without memory a body is refused with 503, the connection ends, and a small body still goes through.
func TestAPI_RefusesABodyWithoutMemory(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 64 << 10})
	addr := listen(t, defaultBodyTimeout, func(c *Config) {
		c.HoldBody = func(context.Context) *memory.Holding { return budget.Hold(memory.Body, "ann") }
	})
	for _, head := range []string{"Content-Length: 250000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"} {
		resp, body := exchange(t, addr, "POST /message HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+head+strings.Repeat(" ", 100_000))
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !resp.Close || !strings.Contains(body, `"code":"unavailable"`) {
			t.Errorf("%q: %s %v %s", head, resp.Status, resp.Header, body)
		}
	}
	if resp, body := exchange(t, addr, fmt.Sprintf("POST /message HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(jsonBody), jsonBody)); resp.StatusCode != 202 {
		t.Errorf("a small body: %s %s", resp.Status, body)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are held", budget.Used())
	}
}
