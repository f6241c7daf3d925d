package signalr

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

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
