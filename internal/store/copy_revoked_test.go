package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/errs"
	"restante/internal/revocation"
	"restante/internal/store"
)

// TestCopy_TakesRevocations: what is revoked in the source is revoked in the target, and a check finds what is not.
func TestCopy_TakesRevocations(t *testing.T) {
	from, to := open(t, store.Config{}), open(t, store.Config{})
	fill(t, from, 1, 2)
	now := time.Now().UTC().Truncate(time.Microsecond)
	entry := func(k revocation.Kind, until time.Time) revocation.Entry {
		return revocation.Entry{Key: revocation.Key{Kind: k, Name: "ann"}, Until: until.Truncate(time.Second), At: now}
	}
	entries := []revocation.Entry{entry(revocation.Sub, now.Add(time.Hour)), entry(revocation.JTI, now.Add(time.Hour))}
	entries[0].Before = revocation.Moment(now)
	c := &store.Copy{From: from, To: to}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := from.Revoke(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check(t.Context()); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), "a revocation") {
		t.Errorf("check without the revocations: %v", err)
	}
	for range 2 {
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	all, err := to.Revocations(t.Context(), 0, 10)
	var got []revocation.Entry
	for _, s := range all {
		got = append(got, s.Entry)
	}
	slices.SortFunc(got, func(a, b revocation.Entry) int { return strings.Compare(string(b.Kind), string(a.Kind)) })
	if err != nil || !slices.Equal(got, entries) {
		t.Errorf("%+v, %v", got, err)
	}
}
