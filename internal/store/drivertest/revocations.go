package drivertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"restante/internal/errs"
	"restante/internal/revocation"
	"restante/internal/store/driver"
)

func revoke(t testing.TB, d driver.Driver, entries ...revocation.Entry) {
	t.Helper()
	if err := d.Revoke(t.Context(), entries); err != nil {
		t.Fatalf("revoke: %v", err)
	}
}

// revocations reads the whole list after a number, page by page, and checks that the numbers rise.
func revocations(t testing.TB, d driver.Driver, after int64) (all []revocation.Stored) {
	t.Helper()
	for {
		page, err := d.Revocations(t.Context(), after, 2)
		if err != nil {
			t.Fatalf("read revocations: %v", err)
		}
		if len(page) == 0 {
			return all
		}
		for _, s := range page {
			if s.Number <= after {
				t.Fatalf("number %d follows %d", s.Number, after)
			}
			after = s.Number
			all = append(all, s)
		}
	}
}

// wantRevoked checks the entries after a number, and returns the greatest number.
func wantRevoked(t testing.TB, d driver.Driver, after int64, want ...revocation.Entry) int64 {
	t.Helper()
	all := revocations(t, d, after)
	got := make([]revocation.Entry, len(all))
	for i := range all {
		got[i], after = all[i].Entry, all[i].Number
	}
	if !slices.Equal(got, want) {
		t.Errorf("revoked after %d:\n got %+v\nwant %+v", after, got, want)
	}
	return after
}

// subEntry and jtiEntry are revocations at the time of a clock.
func subEntry(c *clock, name string) revocation.Entry {
	at := c.now().Truncate(time.Microsecond)
	return revocation.Entry{
		Key: revocation.Key{Kind: revocation.Sub, Name: name}, Before: revocation.Moment(at), At: at,
		Until: at.Truncate(time.Second).Add(time.Hour), Reason: "line\nbreak 'é'", By: "op \"x\"",
	}
}

func jtiEntry(c *clock, name string) revocation.Entry {
	e := subEntry(c, name)
	e.Kind, e.Before = revocation.JTI, time.Time{}
	return e
}

func testRevoke(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	wantRevoked(t, d, 0)
	revoke(t, d)
	ann, id, bob := subEntry(c, "ann"), jtiEntry(c, "ann"), subEntry(c, "Ünïcode 日本")
	revoke(t, d, ann, id, bob)
	last := wantRevoked(t, d, 0, ann, id, bob)
	revoke(t, d, ann, id) // nothing new
	if got := wantRevoked(t, d, last); got != last {
		t.Errorf("number %d", got)
	}
	c.step(10 * time.Second)
	later, repeated := subEntry(c, "ann"), jtiEntry(c, "ann")
	revoke(t, d, later)
	revoke(t, d, ann) // the moment never goes back
	last = wantRevoked(t, d, last, later)
	wantRevoked(t, d, 0, id, bob, later)
	revoke(t, d, repeated) // of a token the first revocation counts, for the longer time
	id.Until = repeated.Until
	last = wantRevoked(t, d, last, id)
	if page, err := d.Revocations(t.Context(), 0, 0); err != nil || len(page) != 0 {
		t.Errorf("a limit of 0: %v, %v", page, err)
	}
	if err := d.Revoke(canceled(t), []revocation.Entry{subEntry(c, "canceled")}); err == nil {
		t.Error("a cancelled call has revoked")
	}
	put(t, d, messages("a", 2)...)
	d = h.Reopen(t, d, c.now)
	wantRevoked(t, d, 0, bob, later, id)
	revoke(t, d, jtiEntry(c, "new"))
	wantRevoked(t, d, last, jtiEntry(c, "new"))
}

// testRevokeConcurrently: a reader that reads on after the greatest number misses none, while many write.
func testRevokeConcurrently(t *testing.T, h Harness) {
	const writers, each = 8, 10
	c := newClock()
	d := h.Open(t, c.now)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				if err := d.Revoke(t.Context(), []revocation.Entry{subEntry(c, fmt.Sprint(w, " ", i)), subEntry(c, "all")}); err != nil {
					t.Errorf("revoke: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	seen := map[string]bool{}
	for after, last := int64(0), false; ; {
		select {
		case <-done:
			last = true
		default:
		}
		for _, s := range revocations(t, d, after) {
			seen[s.Name], after = true, s.Number
		}
		if last {
			break
		}
	}
	if len(seen) != writers*each+1 {
		t.Errorf("%d revocations were read, want %d", len(seen), writers*each+1)
	}
}

func testRevokeExpires(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	old := subEntry(c, "old")
	revoke(t, d, old)
	last := wantRevoked(t, d, 0, old)
	c.step(30 * time.Minute)
	kept := subEntry(c, "kept")
	revoke(t, d, kept)
	c.step(30 * time.Minute) // the first one is of no use any more
	revoke(t, d, old)
	if got := wantRevoked(t, d, 0, kept); got <= last {
		t.Errorf("number %d was given again", got)
	}
}

func testRevocationsAfterClose(t *testing.T, d driver.Driver) {
	_, err := d.Revocations(t.Context(), 0, 1)
	for call, err := range map[string]error{"revocations": err, "revoke": d.Revoke(t.Context(), []revocation.Entry{subEntry(newClock(), "ann")})} {
		if errs.CodeOf(err) != errs.Unavailable || d.Retryable(err) {
			t.Errorf("%s after close: %v, want an error of class unavailable that is not worth a retry", call, err)
		}
	}
}
