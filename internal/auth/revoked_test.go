package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
	"restante/internal/errs"
)

// revoker is a list of subs and ids.
type revoker struct {
	mu    sync.Mutex
	names map[string]bool
	err   error // of every check
}

func (r *revoker) check(sub, jti string, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[sub] || r.names[jti] {
		return &errs.Error{Code: errs.Unauthenticated, Msg: "revoked"}
	}
	return r.err
}

func (r *revoker) revoke(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string]bool{}
	}
	r.names[name] = true
}

func TestVerifier_RefusesRevokedTokens(t *testing.T) {
	var r revoker
	v := newTestVerifier(t, Config{Secrets: []string{secret32}, Revoked: r.check})
	first, second := secretToken(t, secret32, map[string]any{"jti": "1"}), secretToken(t, secret32, map[string]any{"jti": "2"})
	if client := wantClient(t, v, first, "ann"); client.TokenID != "1" { // from now on it is remembered
		t.Errorf("jti %q", client.TokenID)
	}
	wantClient(t, v, second, "ann")
	r.revoke("1")
	wantRefusal(t, v, first, revoked)
	wantClient(t, v, second, "ann")
	r.revoke("ann")
	wantRefusal(t, v, second, revoked)
	wantRefusal(t, v, secretToken(t, secret32, nil), revoked)
	wantClient(t, v, secretToken(t, secret32, map[string]any{"sub": "bob"}), "bob")

	r.err = &errs.Error{Code: errs.Unavailable, Msg: "not known"}
	if client, err := v.Verify(t.Context(), secretToken(t, secret32, map[string]any{"sub": "bob"})); client != nil || errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("%v, %v", client, err)
	}
	if n := testutil.ToFloat64(v.metrics.tokens.WithLabelValues("revoked")); n != 3 {
		t.Errorf("%v are counted", n)
	}
}

func TestVerifier_SignsNoRevokedTokenIn(t *testing.T) {
	r := &revoker{names: map[string]bool{"ann": true}}
	v := newTestVerifier(t, Config{Secrets: []string{secret32}, Revoked: r.check})
	token := secretToken(t, secret32, nil)
	wantRefusal(t, v, token, revoked)
	if v.seen.get(token, v.inForce) != nil {
		t.Error("a revoked token is remembered")
	}
}

// request gives a handler the context of a request with a token.
func (v *Verifier) request(token string, serve func(*http.Request)) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	v.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { serve(r) }), nil).ServeHTTP(nil, r)
}

// TestFrom_RefusesWhatWasRevokedSince: whatever a request does after the revocation is refused, at every door.
func TestFrom_RefusesWhatWasRevokedSince(t *testing.T) {
	var r revoker
	v := newTestVerifier(t, Config{Secrets: []string{secret32}, Revoked: r.check})
	v.request(secretToken(t, secret32, nil), func(req *http.Request) {
		ctx := req.Context()
		if _, err := From(ctx); err != nil {
			t.Fatal(err)
		}
		r.revoke("ann")
		_, fromErr := From(ctx)
		_, acceptErr := CheckSender(nil).Accept(ctx, chat.Message{Msg: "hi"})
		_, afterErr := Log{}.After(ctx, "lobby", 0, 1)
		_, roomsErr := Log{}.Rooms(ctx, "", "", 1)
		for door, err := range map[string]error{"from": fromErr, "accept": acceptErr, "after": afterErr, "rooms": roomsErr, "require": Require(ctx, "lobby")} {
			if !IsRevoked(err) || errs.CodeOf(err) != errs.Unauthenticated || Challenge(err) != `Bearer error="invalid_token"` {
				t.Errorf("%s: %v", door, err)
			}
		}
	})
}

func TestRecheck_EndsWhatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r revoker
		v := newTestVerifier(t, Config{Secrets: []string{secret32}, Revoked: r.check})
		var ended, unwanted atomic.Int32
		v.request(secretToken(t, secret32, nil), func(req *http.Request) {
			stop := WhenRevoked(req.Context(), func() { ended.Add(1) })
			defer stop()
			WhenRevoked(req.Context(), func() { unwanted.Add(1) })()
			stream, cancel := UntilExpiry(req.Context())
			defer cancel()
			v.Recheck()
			if ended.Load() != 0 || stream.Err() != nil {
				t.Error("ended, and nothing was revoked")
			}
			r.revoke("ann")
			v.Recheck()
			v.Recheck()
			if ended.Load() != 1 || stream.Err() == nil || unwanted.Load() != 0 {
				t.Errorf("ended %d times, the stream: %v, unwanted %d", ended.Load(), stream.Err(), unwanted.Load())
			}
			WhenRevoked(req.Context(), func() { ended.Add(1) })()
			if ended.Load() != 2 {
				t.Error("what begins after the revocation goes on")
			}
		})
		if len(v.watches.all) != 0 {
			t.Errorf("%d watches are left", len(v.watches.all))
		}
		if IsRevoked(errors.New("x")) || IsRevoked(nil) {
			t.Error("another error counts as revoked")
		}
	})
}
