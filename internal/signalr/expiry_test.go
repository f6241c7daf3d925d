package signalr

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
)

const expiredClose = `{"type":7,"error":"The token has expired","allowReconnect":true}`

// serve has the server answer one request for the connection of a token.
func serve(s *Server, ctx context.Context, method, token, body string, headers ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, method, "/hub?id="+token, strings.NewReader(body))
	r.Header = header(headers)
	s.ServeHTTP(w, r)
	return w
}

func sendText(t *testing.T, to io.Writer, text string) {
	t.Helper()
	if err := ws.WriteFrame(to, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil {
		t.Error(err)
	}
}

func TestConn_ExpiresWithItsIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, reg := newEchoHub(), prometheus.NewRegistry()
		s := New(hub, Config{Metrics: reg, KeepAlive: time.Hour})
		forever, quiet := rawPipe(t, s, Identity{Name: "ann"})
		near, frames := rawPipe(t, s, Identity{Name: "ann", Expires: time.Now().Add(time.Minute)})
		for _, c := range []io.Writer{forever, near} {
			sendText(t, c, jsonHandshake)
		}
		expect(t, frames, "{} ")
		time.Sleep(58900 * time.Millisecond) // fake time
		expect(t, frames, "")
		time.Sleep(1100 * time.Millisecond) // fake time
		expect(t, frames, expiredClose+" close ")
		if len(hub.closed) != 1 {
			t.Error("the session goes on")
		}
		time.Sleep(time.Hour) // fake time
		if got := texts(quiet); !strings.HasPrefix(got, `{} {"type":6} `) || strings.Contains(got, "close") {
			t.Errorf("what does not expire got %q", got)
		}
		if n, _ := value(t, reg, "restante_signalr_connections_closed_total", "expired"); n != 1 {
			t.Errorf("%v connections are counted", n)
		}
		_ = forever.Close()
		s.Close()
	})
}

// The end waits for a call in progress, but not for long.
func TestConn_ExpiresAfterItsCall(t *testing.T) {
	const gate = `{"type":1,"invocationId":"1","target":"Gate","arguments":[]}` + "\x1e"
	for name, tc := range map[string]struct {
		ends time.Duration // of the call, after the connection has expired; 0: never
		want string
	}{
		"short call":   {1500 * time.Millisecond, `{"type":3,"invocationId":"1"} ` + expiredClose + " close "},
		"endless call": {0, expiredClose + " close "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := newEchoHub()
				s := New(hub, Config{KeepAlive: time.Hour})
				near, frames := rawPipe(t, s, Identity{Expires: time.Now().Add(time.Minute)})
				sendText(t, near, jsonHandshake+gate)
				expect(t, frames, "{} ")
				time.Sleep(time.Minute + 1500*time.Millisecond) // fake time
				expect(t, frames, "")
				if tc.ends > 0 {
					close(hub.gate)
				}
				time.Sleep(1600 * time.Millisecond) // fake time
				expect(t, frames, tc.want)
				if len(hub.closed) != 1 {
					t.Error("the session goes on")
				}
				s.Close()
			})
		})
	}
}

// A client that always has a call in progress when the sweeper checks it is ended between two calls, before its requests are
// refused.
func TestConn_ExpiresBetweenItsCalls(t *testing.T) {
	const gate = `{"type":1,"invocationId":"1","target":"Gate","arguments":[]}` + "\x1e"
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{KeepAlive: time.Hour})
		near, frames := rawPipe(t, s, Identity{Expires: time.Now().Add(time.Minute)})
		sendText(t, near, jsonHandshake)
		time.Sleep(58500 * time.Millisecond) // fake time
		sendText(t, near, gate)
		time.Sleep(1200 * time.Millisecond) // fake time: the last check before the end is over
		expect(t, frames, "{} ")
		close(hub.gate)
		synctest.Wait()
		expect(t, frames, `{"type":3,"invocationId":"1"} `+expiredClose+" close ")
		s.Close()
	})
}

func TestConn_ExpiresBeforeItsHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := newEchoHub()
		s := New(hub, Config{})
		near, frames := rawPipe(t, s, Identity{Expires: time.Now().Add(5 * time.Second)})
		time.Sleep(5 * time.Second) // fake time
		expect(t, frames, `{"error":"Handshake was canceled."} close `)
		_ = near.Close()
		s.Close()
		if len(hub.conns) != 0 {
			t.Error("the hub has seen the connection")
		}
	})
}

// renewed is the identity of a client whose every request has a token for another minute.
func renewed(*http.Request) (Identity, *Refusal) {
	return Identity{Name: "ann", Issued: time.Now(), Expires: time.Now().Add(time.Minute)}, nil
}

func TestLongPolling_LastsAsLongAsItsNewestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{Identify: renewed, PollTimeout: 2 * time.Minute})
		token := newSecret()
		s.registry.reserve(s, token, Identity{Name: "ann"})
		want := func(method, body string, wantCode int, wantText string) {
			t.Helper()
			if w := serve(s, t.Context(), method, token, body); w.Code != wantCode || w.Body.String() != wantText {
				t.Fatalf("%d %q", w.Code, w.Body)
			}
		}
		want("GET", "", 200, "")
		want("POST", jsonHandshake, 200, "")
		want("GET", "", 200, "{}\x1e")
		for range 30 {
			time.Sleep(10 * time.Second) // fake time
			want("POST", voidCall, 200, "")
			want("GET", "", 200, `{"type":3,"invocationId":"0"}`+"\x1e")
		}
		last := time.Now()
		want("GET", "", 200, expiredClose+"\x1e") // waits
		if at := time.Since(last); at < 59*time.Second || at > time.Minute {
			t.Errorf("ended %s after the last token was issued", at)
		}
		want("POST", voidCall, 404, errNoConnection.Text)
		want("GET", "", 204, "")
		s.Close()
	})
}

func TestEvents_LastAsLongAsTheNewestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{Identify: renewed})
		token := newSecret()
		s.registry.reserve(s, token, Identity{Name: "ann"})
		stream := make(chan string, 1)
		go func() { stream <- serve(s, t.Context(), "GET", token, "", "Accept", "text/event-stream").Body.String() }()
		synctest.Wait()
		var last time.Time
		for _, body := range []string{jsonHandshake, voidCall, voidCall, voidCall} {
			last = time.Now()
			if w := serve(s, t.Context(), "POST", token, body); w.Code != 200 {
				t.Fatal(w.Code, w.Body)
			}
			time.Sleep(25 * time.Second) // fake time
		}
		got := <-stream
		if at := time.Since(last); at < 59*time.Second || at > time.Minute {
			t.Errorf("ended %s after the last token was issued", at)
		}
		if !strings.HasSuffix(got, "data: "+expiredClose+"\x1e\r\n\r\n") {
			t.Errorf("%q", got)
		}
		s.Close()
	})
}
