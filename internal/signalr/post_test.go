package signalr

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestPost_BodyThatStopsComingEndsTheConnection(t *testing.T) {
	r := newRig(t, Config{IdleTimeout: 300 * time.Millisecond})
	suffix := "?id=" + r.negotiate()
	r.events(suffix)
	conn, err := net.Dial("tcp", r.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /hub"+suffix+" HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"+jsonHandshake); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		answer, _ := io.ReadAll(conn) // until the server closes
		ended <- string(answer)
	}()
	if answer := await(t, ended); !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
		t.Errorf("a body without an end is answered %q", answer)
	}
	await(t, r.nextConn().ctx.Done())
}
