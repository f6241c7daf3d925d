package signalr

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestWebSocket_ForeignPagesAreRefused(t *testing.T) {
	r := newRig(t, Config{AllowedOrigins: []string{"https://chat.example"}})
	url := "ws" + strings.TrimPrefix(r.http.URL, "http") + "/hub"
	for origin, want := range map[string]int{
		"":                        http.StatusSwitchingProtocols, // no browser
		r.http.URL:                http.StatusSwitchingProtocols,
		"https://chat.example":    http.StatusSwitchingProtocols,
		"https://evil.example":    http.StatusForbidden,
		"http://chat.example":     http.StatusForbidden,
		"https://chat.example.br": http.StatusForbidden,
		"null":                    http.StatusForbidden,
	} {
		d := ws.Dialer{}
		if origin != "" {
			d.Header = ws.HandshakeHeaderHTTP{"Origin": {origin}}
		}
		conn, _, _, err := d.Dial(context.Background(), url)
		got := http.StatusSwitchingProtocols
		var refused ws.StatusError
		if errors.As(err, &refused) {
			got = int(refused)
		} else if err != nil {
			t.Errorf("origin %q: %v", origin, err)
		}
		if got != want {
			t.Errorf("origin %q: status %d, want %d", origin, got, want)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}

func TestPost_BodyThatStopsComingEndsTheConnection(t *testing.T) {
	r := newRig(t, Config{IdleTimeout: 300 * time.Millisecond})
	suffix := "?id=" + r.negotiate()
	r.events(suffix)
	body, never := io.Pipe()
	defer never.Close()
	req, err := http.NewRequest("POST", r.http.URL+"/hub"+suffix, body)
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan int, 1)
	go func() {
		resp, err := r.client.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	if _, err := io.WriteString(never, jsonHandshake); err != nil {
		t.Fatal(err)
	}
	if status := await(t, answered); status != http.StatusBadRequest && status != 0 {
		t.Errorf("a body without an end is answered %d", status)
	}
	conn := r.nextConn()
	await(t, conn.ctx.Done())
}
