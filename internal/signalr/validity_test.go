package signalr

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const revokedClose = `{"type":7,"error":"The token was revoked","allowReconnect":true}`

// cancelled says which contexts count no more: those whose value of tokenKey is revoked.
type cancelled struct {
	mu      sync.Mutex
	revoked map[any]bool
	ends    []func()
}

type tokenKey struct{}

func (l *cancelled) config() Config {
	return Config{
		KeepAlive: time.Hour, PollTimeout: time.Hour,
		Valid: func(ctx context.Context) bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return !l.revoked[ctx.Value(tokenKey{})]
		},
		WhenInvalid: func(_ context.Context, end func()) func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ends = append(l.ends, end)
			return func() {}
		},
	}
}

func (l *cancelled) revoke(s *Server, token any) {
	l.mu.Lock()
	l.revoked[token] = true
	l.mu.Unlock()
	s.Recheck()
}

func TestConn_EndsWhenItsTokenIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &cancelled{revoked: map[any]bool{}}
		cfg, reg := l.config(), prometheus.NewRegistry()
		cfg.Metrics = reg
		hub := newEchoHub()
		s := New(hub, cfg)
		near, frames := rawPipe(t, s, Identity{Name: "ann"}) // its token is nil
		other, kept := rawPipe(t, s, Identity{Name: "bob", Issued: time.Now().Add(-time.Hour)})
		for _, c := range []io.Writer{near, other} {
			sendText(t, c, jsonHandshake)
		}
		expect(t, frames, "{} ")
		expect(t, kept, "{} ")
		newer := context.WithValue(t.Context(), tokenKey{}, "newer")
		for c := range s.registry.conns {
			if c.owner == "bob" { // it has shown a newer token, and lives on
				if refused := c.present(newer, Identity{Name: "bob", Issued: time.Now()}); refused != nil {
					t.Fatal(refused.Text)
				}
			}
		}
		l.revoke(s, nil)
		synctest.Wait()
		expect(t, frames, revokedClose+" close ")
		expect(t, kept, "")
		if len(hub.closed) != 1 {
			t.Error("the session goes on")
		}
		l.revoke(s, "newer")
		synctest.Wait()
		expect(t, kept, revokedClose+" close ")
		time.Sleep(closeWait) // fake time: until the clients' side is given up
		synctest.Wait()
		if n, _ := value(t, reg, "restante_signalr_connections_closed_total", "revoked"); n != 2 {
			t.Errorf("%v connections are counted", n)
		}
		s.Close()
	})
}

// TestConn_RevokedBeforeItIsOpen: a request that was let in before the revocation opens a connection after it.
func TestConn_RevokedBeforeItIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &cancelled{revoked: map[any]bool{nil: true}}
		s := New(newEchoHub(), l.config())
		near, frames := rawPipe(t, s, Identity{Name: "ann"})
		time.Sleep(time.Second + time.Millisecond) // fake time
		expect(t, frames, `{"error":"Handshake was canceled."} close `)
		_ = near.Close()
		s.Close()
	})
}

// TestConn_PresentsNoRevokedToken: a newer token that was revoked does not take over a connection.
func TestConn_PresentsNoRevokedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &cancelled{revoked: map[any]bool{"newer": true}}
		s := New(newEchoHub(), l.config())
		near, _ := rawPipe(t, s, Identity{Name: "ann"})
		sendText(t, near, jsonHandshake)
		for c := range s.registry.conns {
			if c.present(context.WithValue(t.Context(), tokenKey{}, "newer"), Identity{Name: "ann", Issued: time.Now()}) != errNoConnection {
				t.Error("it was taken over")
			}
		}
		_ = near.Close()
		s.Close()
	})
}

func TestLongPolling_RunningPollEndsWhenItsTokenIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &cancelled{revoked: map[any]bool{}}
		s := New(newEchoHub(), l.config())
		token := newSecret()
		s.registry.reserve(s, token, Identity{})
		for _, step := range []struct{ method, body string }{{"GET", ""}, {"POST", jsonHandshake}, {"GET", ""}} {
			if w := serve(s, t.Context(), step.method, token, step.body); w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		poll := make(chan *httptest.ResponseRecorder, 1)
		go func() { poll <- serve(s, t.Context(), "GET", token, "") }()
		synctest.Wait()
		l.revoke(s, nil)
		if w := <-poll; w.Code != 200 || w.Body.String() != revokedClose+"\x1e" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
		if w := serve(s, t.Context(), "GET", token, ""); w.Code != 204 && w.Code != 404 {
			t.Errorf("%d %q", w.Code, w.Body)
		}
		s.Close()
	})
}

// revokingBody is a body whose token is revoked after its first bytes.
type revokingBody struct {
	first  []byte
	revoke func()
}

func (b *revokingBody) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	b.revoke()
	return n, nil
}

// TestPost_EndsWhenItsTokenIsRevoked: what comes after the revocation is not handled, also where the connection lives on.
func TestPost_EndsWhenItsTokenIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &cancelled{revoked: map[any]bool{}}
		hub := newEchoHub()
		s := New(hub, l.config())
		for _, early := range []bool{false, true} {
			token := newSecret()
			s.registry.reserve(s, token, Identity{})
			if !early {
				serve(s, t.Context(), "GET", token, "")
				serve(s, t.Context(), "POST", token, jsonHandshake)
			}
			ctx := context.WithValue(t.Context(), tokenKey{}, "of the post")
			r := httptest.NewRequestWithContext(ctx, "POST", "/hub?id="+token, &revokingBody{[]byte(voidCall), func() { l.revoke(s, "of the post") }})
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("early %v: %d %q", early, w.Code, w.Body)
			}
			l.mu.Lock()
			clear(l.revoked)
			l.mu.Unlock()
		}
		time.Sleep(time.Hour) // fake time
		s.Close()
	})
}

// TestEarly_DropsWhatARevokedTokenHasSent: bytes that wait for a transport are not handled with the rights of a newer token.
func TestEarly_DropsWhatARevokedTokenHasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &cancelled{revoked: map[any]bool{}}
		s := New(newEchoHub(), l.config())
		token := newSecret()
		s.registry.reserve(s, token, Identity{})
		if w := serve(s, context.WithValue(t.Context(), tokenKey{}, "old"), "POST", token, jsonHandshake); w.Code != 200 {
			t.Fatal(w.Code)
		}
		l.revoke(s, "old")
		serve(s, t.Context(), "GET", token, "")
		synctest.Wait()
		if c := s.registry.opened(token); c == nil || c.handshakeDone.Load() {
			t.Error("the handshake of a revoked token was answered")
		}
		time.Sleep(time.Hour) // fake time
		s.Close()
	})
}
