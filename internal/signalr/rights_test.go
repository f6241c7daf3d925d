package signalr

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// start is the time from which the tokens of tests count.
var start = time.Unix(1_900_000_000, 0)

func after(seconds int) time.Time {
	if seconds < 0 {
		return time.Time{}
	}
	return start.Add(time.Duration(seconds) * time.Second)
}

func TestIdentity_NewerThan(t *testing.T) {
	for _, tc := range []struct {
		issued, expires           int // in seconds; negative: not known, never
		otherIssued, otherExpires int
		want                      bool
	}{
		{2, 5, 1, 9, true}, // a later iat counts, whatever exp says
		{1, 9, 2, 5, false},
		{1, 9, 1, 5, true}, // issued in the same second: exp
		{1, 5, 1, 9, false},
		{1, 5, 1, 5, false}, // the same token
		{-1, 9, 1, 5, true}, // one does not say when: exp
		{-1, 5, 1, 9, false},
		{1, 9, -1, 5, true},
		{1, 5, -1, 9, false},
		{-1, 9, -1, 5, true},
		{-1, 5, -1, 5, false},
		{-1, -1, -1, 5, true}, // never is later than any time
		{-1, 5, -1, -1, false},
		{-1, -1, -1, -1, false},
	} {
		i := Identity{Issued: after(tc.issued), Expires: after(tc.expires)}
		if got := i.newerThan(Identity{Issued: after(tc.otherIssued), Expires: after(tc.otherExpires)}); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

// Later requests of the connection present their tokens, too.
func TestPresent_ByPollsAndPosts(t *testing.T) {
	r := newRig(t, tokens())
	suffix := opened["long polling"](r, bearer("ann", 1, 60))
	r.want(r.do("GET", suffix, "", bearer("ann", 2, 60)...), 200, "{}\x1e")
	r.want(r.do("POST", suffix, voidCall, bearer("ann", 3, 60)...), 200, "")
	r.want(r.do("GET", suffix, "", bearer("ann", 1, 60)...), 200, "")
	for _, want := range []string{"Bearer ann 2 60", "Bearer ann 3 60"} {
		if got := await(t, r.hub.renewed).Value(claimKey{}); got != want {
			t.Errorf("the session is told of %v, want %s", got, want)
		}
	}
	if n := len(r.hub.renewed); n != 0 {
		t.Errorf("an older token gives rights %d times", n)
	}
}

func TestPresent_Refusals(t *testing.T) {
	hub := newEchoHub()
	s := New(hub, Config{})
	defer s.Close()
	for name, tc := range map[string]struct {
		sender Identity
		change func(*Conn)
		want   *Refusal
	}{
		"its client":         {Identity{Name: "ann", Issued: after(2)}, func(*Conn) {}, nil},
		"another client":     {Identity{Name: "bob", Issued: after(2)}, func(*Conn) {}, errNoConnection},
		"no name":            {Identity{Issued: after(2)}, func(*Conn) {}, errNoConnection},
		"while it expires":   {Identity{Name: "ann", Issued: after(2)}, func(c *Conn) { c.expired = true }, errNoConnection},
		"after its end":      {Identity{Name: "ann", Issued: after(2)}, func(c *Conn) { c.stopped.Store(true) }, errNoConnection},
		"with an older one":  {Identity{Name: "ann", Issued: after(0)}, func(*Conn) {}, nil},
		"with the same time": {Identity{Name: "ann", Issued: after(1)}, func(*Conn) {}, nil},
	} {
		c, _ := s.newConn("", Identity{Name: "ann", Issued: after(1)}, WebSockets)
		tc.change(c)
		if got := c.present(t.Context(), tc.sender); got != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
		if renewed := name == "its client"; (c.renewed != nil) != renewed || c.issued.Equal(after(2)) != renewed {
			t.Errorf("%s: renewed is %v", name, c.renewed)
		}
	}
}

// The context of calls ends with the connection, not with the request that has shown the token, and contexts that come from it
// need no goroutine.
func TestCallContext_EndsWithTheConnection(t *testing.T) {
	r := newRig(t, tokens())
	suffix := opened["long polling"](r, bearer("ann", 1, 60))
	c := r.nextConn()
	r.wantRefreshed(r.do("POST", "/refresh"+suffix, "", bearer("ann", 2, 600)...), 600)
	ctx, cancel := context.WithCancel(c.callsContext())
	defer cancel()
	if _, ok := ctx.Deadline(); ok || ctx.Err() != nil {
		t.Fatal("the context has ended with the request", ctx.Err())
	}
	r.want(r.do("DELETE", suffix, "", bearer("ann", 2, 600)...), 202, "")
	<-ctx.Done()
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Error(ctx.Err())
	}
}

// Many requests with tokens of every age at once: the newest one counts in the end, and the session is told in order.
func TestPresent_Concurrently(t *testing.T) {
	hub := newEchoHub()
	hub.renewed = make(chan context.Context, 1000)
	r := newRigWith(t, hub, tokens())
	suffix := opened["long polling"](r, bearer("ann", 0, 60))
	var running sync.WaitGroup
	for n := range 100 {
		running.Go(func() { r.do("POST", "/refresh"+suffix, "", bearer("ann", n, 600)...) })
	}
	running.Wait()
	last := 0
	for len(hub.renewed) > 0 {
		var issued int
		if _, err := fmt.Sscanf((<-hub.renewed).Value(claimKey{}).(string), "Bearer ann %d 600", &issued); err != nil || issued <= last {
			t.Errorf("%d after %d: %v", issued, last, err)
		}
		last = issued
	}
	if last != 99 {
		t.Errorf("the last token is %d", last)
	}
}
