package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
)

// listen serves an API that waits for bodies only as long as bodyTimeout, with the limits that it asks of http.Server.
func listen(t *testing.T, bodyTimeout time.Duration, change ...func(*Config)) (addr string) {
	t.Helper()
	a := newAPI(t, newMemory(), change...)
	a.bodyTimeout = bodyTimeout
	srv := httptest.NewUnstartedServer(auth.Open(a))
	srv.Config.ReadHeaderTimeout, srv.Config.IdleTimeout, srv.Config.MaxHeaderBytes = 10*time.Second, IdleTimeout, MaxHeaderBytes
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// exchange sends text and no more, and returns the answer after which the server ends the connection.
func exchange(t *testing.T, addr, text string) (res *http.Response, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err = http.ReadResponse(in, nil)
	if err != nil {
		t.Fatalf("no answer to %.60q: %v", text, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("the connection goes on after %q: %q, %v", res.Status, rest, err)
	}
	return res, string(b)
}

func TestAPI_GivesUpABodyThatStopsComing(t *testing.T) {
	addr := listen(t, 200*time.Millisecond)
	for name, framing := range map[string]string{
		"of a known length": "Content-Length: 100\r\n\r\n{\"msg\":",
		"in chunks":         "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"msg\":\r\n",
		"that never begins": "Content-Length: 100\r\n\r\n",
	} {
		for _, path := range []string{"/message", "/rooms/lobby/messages"} {
			res, body := exchange(t, addr, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+framing)
			if res.StatusCode != 408 || !strings.Contains(body, `"code":"timeout"`) || !strings.Contains(body, "within 200ms") || res.Header.Get("Content-Type") != problemType {
				t.Errorf("%s, %s: %d %s", path, name, res.StatusCode, body)
			}
		}
	}
}

// A body that no handler reads would hold the connection as well.
func TestAPI_GivesUpABodyOfARefusedRequest(t *testing.T) {
	addr := listen(t, 200*time.Millisecond)
	for path, status := range map[string]int{"/nothing": 404, "/rooms": 405, "/message?msg=%": 400} {
		res, body := exchange(t, addr, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		if res.StatusCode != status {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
}

// What takes longer than a body may take to come is not cut by that limit.
func TestAPI_TheLimitOfABodyEndsWithIt(t *testing.T) {
	const bodyTimeout = 100 * time.Millisecond
	addr := listen(t, bodyTimeout, func(c *Config) {
		next := c.Accept
		c.Accept = accepterFunc(func(ctx context.Context, m chat.Message) (chat.Message, error) {
			select {
			case <-ctx.Done():
				return m, ctx.Err()
			case <-time.After(3 * bodyTimeout):
				return next.Accept(ctx, m)
			}
		})
	})
	body := `{"msg":"a","client_id":"b"}`
	res, answer := exchange(t, addr, fmt.Sprintf("POST /message HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	if res.StatusCode != 202 {
		t.Errorf("%d %s", res.StatusCode, answer)
	}
}

// Beyond MaxHeaderBytes net/http answers, before there is a request.
func TestAPI_LimitsHeaderAndAddress(t *testing.T) {
	addr := listen(t, time.Second)
	long := strings.Repeat("x", MaxHeaderBytes+8<<10)
	for name, text := range map[string]string{
		"address": "GET /rooms?after=" + long + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"header":  "GET /rooms HTTP/1.1\r\nHost: x\r\nX: " + long + "\r\n\r\n",
	} {
		if res, body := exchange(t, addr, text); res.StatusCode != 431 {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}
