package forward

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"restante/internal/peer"
)

func TestForwarder_BodyThatStopsComing(t *testing.T) {
	r := newRig(t, toHub)
	r.f.bodyTimeout = 100 * time.Millisecond
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.ReadAll(req.Body); err != nil {
			w.WriteHeader(400)
		}
	}, peer.Hub)
	conn, err := net.Dial("tcp", r.near.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeLimit))
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestBody_DoesNotReadPastItsEnd(t *testing.T) {
	for _, length := range []int64{5, -1} {
		b := &body{io.MultiReader(strings.NewReader("hello"), failing{length < 0}), length, func(bool) {}, func([]byte) error { return nil }}
		got, err := io.ReadAll(b)
		if string(got) != "hello" || err != nil {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
		if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // an io.Reader returns io.EOF itself
			t.Errorf("length %d, again: %d, %v", length, n, err)
		}
	}
}

// failing follows a body whose length is known: it must not be read.
type failing struct{ end bool }

func (f failing) Read([]byte) (int, error) {
	if f.end {
		return 0, io.EOF
	}
	return 0, http.ErrBodyReadAfterClose
}
