package signalr

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type claimKey struct{}

// tokens is a configuration that identifies senders by "Bearer NAME ISSUED SECONDS": a token ends SECONDS after it was first
// seen. It is a value of the request's context, too, as its rights are in the program.
func tokens() Config {
	var ends sync.Map
	return Config{Identify: func(r *http.Request) (Identity, *Refusal) {
		var i Identity
		var issued, left int
		if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s %d %d", &i.Name, &issued, &left); err != nil || left <= 0 {
			return i, &Refusal{Status: 401, Text: "unauthenticated: a token is needed", Header: http.Header{"Www-Authenticate": {"Bearer"}}}
		}
		end, _ := ends.LoadOrStore(r.Header.Get("Authorization"), time.Now().Add(time.Duration(left)*time.Second))
		i.Issued, i.Expires = after(issued), end.(time.Time)
		*r = *r.WithContext(context.WithValue(r.Context(), claimKey{}, r.Header.Get("Authorization")))
		return i, nil
	}}
}

// bearer returns the header of a token.
func bearer(name string, issued, left int) []string {
	return []string{"Authorization", fmt.Sprintf("Bearer %s %d %d", name, issued, left)}
}

// wantRefreshed checks that a refresh tells the lifetime of a token that has left seconds.
func (r *rig) wantRefreshed(a answer, left int) {
	r.t.Helper()
	var got struct {
		Seconds *int `json:"tokenLifetimeSeconds"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 || got.Seconds == nil ||
		*got.Seconds > left-1 || *got.Seconds < left-5 || a.header.Get("Content-Type") != "application/json" {
		r.t.Fatalf("%d %q %v: want the lifetime of a token with %d s", a.status, a.body, a.header, left)
	}
}

func (r *rig) wantRefused(a answer, status int, code string) {
	r.t.Helper()
	r.want(a, status, `{"error":"`+code+`"}`)
	if got := a.header.Get("Content-Type"); got != "application/json" {
		r.t.Errorf("the refusal is %s", got)
	}
}

func TestNegotiate_TellsTheLifetimeOfTheToken(t *testing.T) {
	r := newRig(t, tokens())
	for _, query := range []string{"?negotiateVersion=1", ""} {
		r.wantRefreshed(r.do("POST", "/negotiate"+query, "", bearer("ann", 0, 600)...), 600)
	}
	if a := newRig(t, Config{}).do("POST", "/negotiate?negotiateVersion=1", ""); strings.Contains(a.body, "tokenLifetimeSeconds") {
		t.Errorf("what does not expire is told %s", a.body)
	}
}

func TestServer_LifetimeIsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), Config{})
		for left, want := range map[time.Duration]int64{
			time.Hour: 3599, 10500 * time.Millisecond: 9, 10999 * time.Millisecond: 9, time.Second: 0, time.Millisecond: 0, -time.Hour: 0,
		} {
			if got := s.lifetimeOf(time.Now().Add(left)); *got.Seconds != want {
				t.Errorf("%s: %d, want %d", left, *got.Seconds, want)
			}
		}
		s.Close()
	})
}

// opened are connections over every transport, and one that is not open yet. Each returns the suffix of its requests.
var opened = map[string]func(r *rig, token []string) (suffix string){
	"websocket": func(r *rig, token []string) string {
		suffix := "?id=" + r.negotiate(token...)
		c := r.dial(suffix, token...)
		c.send(jsonHandshake)
		c.expectText("{}")
		return suffix
	},
	"events": func(r *rig, token []string) string {
		suffix := "?id=" + r.negotiate(token...)
		e := r.events(suffix, token...)
		r.want(r.do("POST", suffix, jsonHandshake, token...), 200, "")
		e.expect("{}")
		return suffix
	},
	"long polling": func(r *rig, token []string) string {
		suffix := "?id=" + r.negotiate(token...)
		r.want(r.do("GET", suffix, "", token...), 200, "")
		r.want(r.do("POST", suffix, jsonHandshake, token...), 200, "")
		return suffix
	},
	"not opened": func(r *rig, token []string) string { return "?id=" + r.negotiate(token...) },
}

func TestRefresh_OverEveryTransport(t *testing.T) {
	for name, open := range opened {
		t.Run(name, func(t *testing.T) {
			cfg, denied := tokens(), make(chan string, 10)
			cfg.Denied = func(_ *http.Request, reason string) { denied <- reason }
			r := newRig(t, cfg)
			suffix := open(r, bearer("ann", 1, 60))
			newer := bearer("ann", 2, 600)
			r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", newer...), 600)
			// An older token, the same, and one of another client change nothing.
			r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", bearer("ann", 1, 6000)...), 600)
			r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", newer...), 600)
			r.wantRefused(r.do("POST", "/refresh"+suffix, "", bearer("bob", 3, 6000)...), 403, "another_user")
			if len(denied) != 1 || <-denied != "connection" {
				t.Error("it is not told that the connection of another client was refreshed")
			}
			r.want(r.do("POST", "/refresh"+suffix, "", append([]string{"Origin", "https://evil.example"}, newer...)...), 403, errForeignPage.Text)
			if len(denied) != 1 || <-denied != "origin" {
				t.Error("it is not told that a foreign page was refused")
			}
			r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", newer...), 600)
			// The newest counts even if it ends earlier.
			r.wantRefreshed(r.do("POST", "/refresh"+suffix, "ignored", bearer("ann", 3, 300)...), 300)
			if name == "not opened" {
				return
			}
			for _, want := range []string{"Bearer ann 2 600", "Bearer ann 3 300"} {
				ctx := await(t, r.hub.renewed)
				if got := ctx.Value(claimKey{}); got != want || ctx.Err() != nil {
					t.Errorf("the session is told of %v (%v), want %s", got, ctx.Err(), want)
				}
			}
			if n := len(r.hub.renewed); n != 0 {
				t.Errorf("the session is told of rights %d more times", n)
			}
		})
	}
}

// Clients of .NET 11 name the connection in a header. An id in their query is the application's.
func TestRefresh_NamesTheConnectionInAHeader(t *testing.T) {
	r := newRig(t, tokens())
	suffix := opened["websocket"](r, bearer("ann", 1, 60))
	named := append(bearer("ann", 2, 600), connectionHeader, strings.TrimPrefix(suffix, "?id="))
	for _, query := range []string{"", "?room=a", "?id=7"} {
		r.wantRefreshed(r.do("POST", "/refresh"+query, "", named...), 600)
	}
	r.wantRefused(r.do("POST", "/refresh"+suffix, "", append(bearer("ann", 2, 600), connectionHeader, newSecret())...), 404, "unknown_connection_token")
}

// Whatever was shown before the connection opens counts as if it was shown afterwards.
func TestRefresh_BeforeTheConnectionOpens(t *testing.T) {
	r := newRig(t, tokens())
	suffix := "?id=" + r.negotiate(bearer("ann", 1, 60)...)
	r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", bearer("ann", 3, 600)...), 600)
	r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", bearer("ann", 2, 6000)...), 600)
	old := bearer("ann", 1, 60)
	r.want(r.do("GET", suffix, "", old...), 200, "")
	r.want(r.do("POST", suffix, jsonHandshake, old...), 200, "")
	if got := r.nextConn().callsContext().Value(claimKey{}); got != "Bearer ann 3 600" {
		t.Errorf("the connection has the rights of %v", got)
	}
	r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", old...), 600)
}

func TestRefresh_Refusals(t *testing.T) {
	cfg := tokens()
	reg := prometheus.NewRegistry()
	cfg.Metrics, cfg.AllowedOrigins = reg, []string{"https://chat.example"}
	r := newRig(t, cfg)
	token := bearer("ann", 1, 60)
	suffix := opened["long polling"](r, token)
	page := append([]string{"Origin", "https://chat.example"}, token...)
	r.wantRefused(r.do("POST", "/refresh", "", token...), 400, "missing_connection_token")
	r.wantRefused(r.do("POST", "/refresh?id=", "", token...), 400, "missing_connection_token")
	r.wantRefused(r.do("POST", "/refresh?id="+newSecret(), "", token...), 404, "unknown_connection_token")
	a := r.do("POST", "/refresh"+suffix, "", "Origin", "https://chat.example")
	r.wantRefused(a, 401, "invalid_token")
	if a.header.Get("WWW-Authenticate") != "Bearer" || a.header.Get("Access-Control-Allow-Origin") != "https://chat.example" {
		t.Errorf("a refusal with %v", a.header)
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := r.do(method, "/refresh"+suffix, "", token...); a.status != 405 || a.header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: %d, allow %q", method, a.status, a.header.Get("Allow"))
		}
	}
	if a := r.do("GET", "/refresh"+suffix, "", append(token, upgrade...)...); a.status != 405 {
		t.Errorf("a WebSocket opens: %d", a.status)
	}
	preflight := r.do("OPTIONS", "/refresh"+suffix, "", append(page, "Access-Control-Request-Method", "POST")...)
	if preflight.status != 204 || preflight.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("preflight: %d %v", preflight.status, preflight.header)
	}
	if allowed := preflight.header.Get("Access-Control-Allow-Headers"); !strings.Contains(allowed, connectionHeader) {
		t.Errorf("a page may send %s", allowed)
	}
	r.want(r.do("POST", "/refresh"+suffix, "", append([]string{"Origin", "https://evil.example"}, token...)...), 403, errForeignPage.Text)
	for _, path := range []string{"/refresh/", "/REFRESH", "/Refresh/"} {
		r.wantRefreshed(r.do("POST", path+suffix, "", page...), 60)
	}
	r.want(r.do("DELETE", suffix, "", token...), 202, "")
	r.wantRefused(r.do("POST", "/refresh"+suffix, "", token...), 404, "unknown_connection_token")
	for outcome, want := range map[string]float64{"ok": 3, "refused": 5} {
		if n, _ := value(t, reg, "restante_signalr_refreshes_total", outcome); n != want {
			t.Errorf("%v refreshes are counted as %s, want %v", n, outcome, want)
		}
	}
}

// Every refusal of the identification has the form that stock clients read, and keeps its status and headers.
func TestRefresh_SenderIsNotIdentified(t *testing.T) {
	for status, code := range map[int]string{401: "invalid_token", 403: "forbidden", 429: "rate_limited", 503: "unavailable"} {
		refusal := &Refusal{Status: status, Text: "no", Header: http.Header{"Retry-After": {"7"}}}
		r := newRig(t, Config{Identify: func(*http.Request) (Identity, *Refusal) { return Identity{}, refusal }})
		a := r.do("POST", "/refresh?id="+newSecret(), "")
		r.wantRefused(a, status, code)
		if a.header.Get("Retry-After") != "7" {
			t.Errorf("%d: %v", status, a.header)
		}
	}
}

func TestRefresh_WithoutIdentity(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	a := r.do("POST", "/refresh"+p.suffix, "")
	r.wantRefused(a, 401, "invalid_token")
	if a.header.Get("WWW-Authenticate") == "" {
		t.Error("401 without a challenge")
	}
}

// serveAs has the server answer a refresh.
func refreshAs(ctx context.Context, s *Server, token string, as []string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "POST", "/hub/refresh?id="+token, nil)
	r.Header = header(as)
	s.ServeHTTP(w, r)
	return w
}

func TestRefresh_ConnectionOutlivesItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, cfg := newEchoHub(), tokens()
		cfg.KeepAlive = time.Hour
		s := New(hub, cfg)
		token := newSecret()
		near, frames := tokenPipe(t, s, token, Identity{Name: "ann", Issued: after(0), Expires: time.Now().Add(time.Minute)})
		sendText(t, near, jsonHandshake)
		expect(t, frames, "{} ")
		for n := range 20 { // ten minutes of tokens for a minute
			time.Sleep(30 * time.Second) // fake time
			if w := refreshAs(t.Context(), s, token, bearer("ann", n+1, 60)); w.Code != 200 {
				t.Fatal(w.Code, w.Body)
			}
			if w := refreshAs(t.Context(), s, token, bearer("ann", n, 6000)); w.Code != 200 {
				t.Fatal("an older token:", w.Code, w.Body)
			}
			sendText(t, near, voidCall)
			expect(t, frames, `{"type":3,"invocationId":"0"} `)
		}
		for _, refused := range [][]string{bearer("bob", 99, 600), bearer("ann", 99, 0)} {
			if w := refreshAs(t.Context(), s, token, refused); w.Code == 200 {
				t.Error("refreshed by", refused)
			}
		}
		time.Sleep(58900 * time.Millisecond) // fake time
		expect(t, frames, "")
		time.Sleep(1100 * time.Millisecond) // fake time
		expect(t, frames, expiredClose+" close ")
		if w := refreshAs(t.Context(), s, token, bearer("ann", 100, 600)); w.Code != 404 {
			t.Error("an ended connection is refreshed:", w.Code)
		}
		_ = near.Close()
		s.Close()
	})
}

// A newer token that ends earlier ends the connection earlier.
func TestRefresh_ShortensTheLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(newEchoHub(), tokens())
		token := newSecret()
		near, frames := tokenPipe(t, s, token, Identity{Name: "ann", Issued: after(0), Expires: time.Now().Add(time.Hour)})
		sendText(t, near, jsonHandshake)
		expect(t, frames, "{} ")
		if w := refreshAs(t.Context(), s, token, bearer("ann", 1, 5)); w.Code != 200 {
			t.Fatal(w.Code)
		}
		time.Sleep(5 * time.Second) // fake time
		expect(t, frames, expiredClose+" close ")
		_ = near.Close()
		s.Close()
	})
}

// A refresh that was answered with 200 prolongs the connection: it is not answered so while the connection expires.
func TestRefresh_AtTheLastMoment(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			s := New(newEchoHub(), tokens())
			token := newSecret()
			near, frames := tokenPipe(t, s, token, Identity{Name: "ann", Issued: after(0), Expires: time.Now().Add(time.Minute)})
			sendText(t, near, jsonHandshake)
			expect(t, frames, "{} ")
			time.Sleep(59 * time.Second) // fake time: the sweeper ends it now
			code := refreshAs(t.Context(), s, token, bearer("ann", 1, 60)).Code
			time.Sleep(time.Second) // fake time
			if ended := strings.Contains(texts(frames), "close"); ended == (code == 200) {
				t.Fatalf("refreshed: %d, ended: %v", code, ended)
			}
			_ = near.Close()
			s.Close()
		})
	}
}

// The rights may change while the hub makes the session.
func TestRefresh_DuringTheHandshake(t *testing.T) {
	hub := newEchoHub()
	var s *Server
	token := newSecret()
	hub.connecting = func(*Conn) {
		if w := refreshAs(t.Context(), s, token, bearer("ann", 2, 600)); w.Code != 200 {
			t.Error(w.Code, w.Body)
		}
	}
	s = New(hub, tokens())
	defer s.Close()
	s.registry.reserve(s, token, "ann")
	serve(s, t.Context(), "GET", token, "", bearer("ann", 1, 60)...)
	serve(s, t.Context(), "POST", token, jsonHandshake, bearer("ann", 1, 60)...)
	if got := await(t, hub.renewed).Value(claimKey{}); got != "Bearer ann 2 600" {
		t.Errorf("the session is told of %v", got)
	}
}

// A call that takes long does not keep the session from being told. Later calls have the values of the refresh.
func TestRefresh_DuringACall(t *testing.T) {
	r := newRig(t, tokens())
	token := bearer("ann", 1, 60)
	suffix := "?id=" + r.negotiate(token...)
	w := r.dial(suffix, token...)
	w.send(jsonHandshake + `{"type":1,"invocationId":"1","target":"Gate","arguments":[]}` + "\x1e")
	w.expectText("{}")
	await(t, r.hub.entered)
	r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", bearer("ann", 2, 600)...), 600)
	await(t, r.hub.renewed)
	close(r.hub.gate)
	w.expectText(`{"type":3,"invocationId":"1"}`)
	w.send(`{"type":1,"invocationId":"2","target":"Claim","arguments":[]}` + "\x1e")
	w.expectText(`{"type":3,"invocationId":"2","result":"Bearer ann 2 600"}`)
}
