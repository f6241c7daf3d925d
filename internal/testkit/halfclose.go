package testkit

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// HalfClosed sends a request to HOST:PORT, ends its own side of the connection right after the last byte, as socat and some HTTP
// libraries do, and returns the answer. The status is 0 if the connection ends without one. headers are lines.
func HalfClosed(t testing.TB, addr, method, path, body string, headers ...string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: " + addr, fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Error(err)
		return 0, ""
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
		return 0, ""
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}
