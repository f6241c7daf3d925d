package faults

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// attacker is a hostile client, at its own address and in its own process. Its connections stay open until the end of
// its attack.
type attacker struct {
	server string // host:port
	from   string // an address of 127.0.0.0/8
	ctx    context.Context
	work   sync.WaitGroup
	held   sync.Map    // open connections: net.Conn
	others []*attacker // that attack together with it
}

// fault reports a failure to the test.
func (a *attacker) fault(format string, args ...any) {
	fmt.Fprintf(os.Stdout, attackFault+strings.ReplaceAll(format, "\n", " ")+"\n", args...)
}

// dial connects from the attacker's address. It returns nil when the server refuses the connection or the attack has
// ended.
func (a *attacker) dial() net.Conn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(a.from)}, Timeout: 5 * time.Second}
	conn, err := d.DialContext(a.ctx, "tcp", a.server)
	if err != nil {
		return nil
	}
	a.held.Store(conn, nil)
	return conn
}

// leave closes the connections and waits until everything that the attacker does has ended.
func (a *attacker) leave() {
	hangUp := func() { a.held.Range(func(conn, _ any) bool { return conn.(net.Conn).Close() == nil || true }) }
	hangUp()
	a.work.Wait()
	hangUp()
	for _, other := range a.others {
		other.leave()
	}
}

// each calls do n times, with at most 200 calls in progress.
func (a *attacker) each(n int, do func()) {
	var all sync.WaitGroup
	slots := make(chan struct{}, 200)
	for range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do()
		})
	}
	all.Wait()
}

// rejected reports whether the server closes a connection at once instead of waiting for a request. It takes the same
// time in both cases.
func rejected(conn net.Conn) bool {
	if conn == nil {
		return true
	}
	began := time.Now()
	defer func() { <-time.After(time.Until(began.Add(50 * time.Millisecond))) }()
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	_, err := conn.Read(make([]byte, 1024))
	timeout, ok := err.(net.Error) //nolint:errorlint // the socket returns it unwrapped
	return !ok || !timeout.Timeout()
}

// halfOpen opens n connections that send nothing, and returns how many the server has closed.
func (a *attacker) halfOpen(n int) int64 {
	var count atomic.Int64
	a.each(n, func() {
		if rejected(a.dial()) {
			count.Add(1)
		}
	})
	return count.Load()
}

// begin opens a connection and sends beginning. What the server answers is dropped.
func (a *attacker) begin(beginning string) (net.Conn, error) {
	conn := a.dial()
	if conn == nil {
		return nil, net.ErrClosed
	}
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	_, err := io.WriteString(conn, beginning)
	return conn, err
}

// drip opens n connections. Each sends beginning, and then one byte after the other.
func (a *attacker) drip(n int, beginning, drops string) {
	for range n {
		a.work.Go(func() {
			conn, err := a.begin(beginning)
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for i := 0; err == nil; i++ {
				select {
				case <-a.ctx.Done():
					return
				case <-tick.C:
					_, err = io.WriteString(conn, drops[i%len(drops):][:1])
				}
			}
		})
	}
}

// flood opens n connections. Each sends beginning, then repeats again, and reads the answers.
func (a *attacker) flood(n int, beginning, again string) {
	for range n {
		a.work.Go(func() {
			conn, err := a.begin(beginning)
			for err == nil && a.ctx.Err() == nil {
				_, err = io.WriteString(conn, again)
			}
		})
	}
}

// ask sends one request, which the server may not read completely, and returns the answer. The status is 0 without an
// answer.
func (a *attacker) ask(request string) (status int, header http.Header, body string) {
	conn := a.dial()
	if conn == nil {
		return 0, nil, ""
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, ""
	}
	defer func() { _ = resp.Body.Close() }()
	content, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the part that arrived
	return resp.StatusCode, resp.Header, string(content)
}

func invocation(target, arguments string) string {
	return text(`{"type":1,"invocationId":"1","target":"` + target + `","arguments":` + arguments + "}\x1e")
}

// bomb is a compressed body. Decompressed, it is a thousand times as large.
func bomb() string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(bytes.Repeat([]byte{' '}, 64<<20)) // writing to a buffer cannot fail
	_ = w.Close()
	return packed.String()
}

// polls opens n long-polling connections that poll without pauses.
func (a *attacker) polls(n int) {
	for range n {
		token, _ := a.negotiate()
		a.flood(1, "", "GET /messageHub?id="+token+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
}

func (a *attacker) negotiate() (token, id string) {
	status, _, body := a.ask("POST /messageHub/negotiate?negotiateVersion=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
	var answer struct{ ConnectionToken, ConnectionID string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		a.fault("negotiate is answered %d %s: %v", status, body, err)
	}
	return answer.ConnectionToken, answer.ConnectionID
}

// refused opens a hub connection, and reports whether the server refuses it because there are too many or because they
// come too fast. The connection stays open.
func (a *attacker) refused() bool {
	conn := a.dial()
	if conn == nil {
		return false
	}
	_, _ = io.WriteString(conn, upgrade+text(jsonHello)+invocation("LeaveRoom", `["lobby"]`))
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var seen []byte
	for buf := make([]byte, 4096); ; {
		n, err := conn.Read(buf)
		seen = append(seen, buf[:n]...)
		switch {
		case bytes.Contains(seen, []byte("too_many")), bytes.Contains(seen, []byte("rate_limited")):
			return true
		case err != nil || bytes.Contains(seen, []byte(`"type":3`)):
			return false
		}
	}
}
