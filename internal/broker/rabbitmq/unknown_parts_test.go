package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/peer"
)

func TestEvidence_Verdict(t *testing.T) {
	const limit = time.Minute
	for _, tc := range []struct {
		name string
		e    evidence
		want verdict
	}{
		{"just met", evidence{}, keep},
		{"almost at the limit", evidence{age: limit - 1}, keep},
		{"at the limit", evidence{age: limit}, discard},
		{"some node knew it", evidence{age: 1000 * limit, ever: true}, keep},
		{"the store cannot be asked", evidence{age: 1000 * limit, uncertain: true}, keep},
		{"a live node knows it", evidence{alive: true, ever: true}, giveUp},
		{"a live node knows it, after the limit", evidence{alive: true, age: limit}, giveUp},
		{"it is switched on", evidence{switched: true}, giveUp},
		{"it is switched on, and no node knows it", evidence{switched: true, age: 1000 * limit}, giveUp},
	} {
		if got := tc.e.verdict(limit); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// clocked returns unknowns whose time the test sets, and what they log.
func clocked(cfg *Config) (u *unknowns, now *time.Time, log *strings.Builder) {
	log = &strings.Builder{}
	cfg.Log, cfg.UnknownLimit = slog.New(slog.NewTextHandler(log, nil)), time.Minute
	u, now = newUnknowns(cfg), new(time.Time)
	*now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	u.now = func() time.Time { return *now }
	return u, now, log
}

func TestUnknowns_HaveAClockEach(t *testing.T) {
	u, now, log := clocked(&Config{})
	u.meet("kind:a")
	*now = now.Add(30 * time.Second)
	u.meet("kind:a")
	u.meet("kind:b")
	*now = now.Add(30 * time.Second)
	if a, b := u.judge(t.Context(), "kind:a"), u.judge(t.Context(), "kind:b"); a != discard || b != keep {
		t.Errorf("after a minute a is %s, and after half a one b is %s", a, b)
	}
	for range 10 {
		u.judge(t.Context(), "kind:b")
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	*now = now.Add(30 * time.Second)
	if b := u.judge(t.Context(), "kind:b"); b != discard {
		t.Errorf("after a minute b is %s", b)
	}
}

func TestUnknowns_AreBounded(t *testing.T) {
	u, now, _ := clocked(&Config{})
	u.meet("kind:a")
	*now = now.Add(time.Hour)
	for i := range 2 * maxFeatures {
		u.meet(chat.Feature(fmt.Sprint("kind:", i)))
	}
	if n := u.met.Len(); n != maxFeatures {
		t.Errorf("%d features are remembered", n)
	}
	if v := u.judge(t.Context(), "kind:a"); v != keep {
		t.Errorf("a feature that was forgotten is %s, not met anew", v)
	}
}

func TestUnknowns_FollowTheStore(t *testing.T) {
	on, failure, asked := false, error(nil), 0
	u, now, _ := clocked(&Config{Switched: func(_ context.Context, f chat.Feature) (bool, error) {
		asked++
		return on && f == "kind:edit", failure
	}})
	step := func(what string, want verdict) {
		t.Helper()
		if got := u.judge(t.Context(), "kind:edit"); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	u.meet("kind:edit")
	*now = now.Add(time.Hour)
	failure = errors.New("no connection")
	step("the store cannot be asked", keep)
	if !u.inUse(t.Context(), "kind:edit") {
		t.Error("perhaps it is in use")
	}
	on, failure = true, nil
	step("switched on", giveUp)
	failure = errors.New("no connection")
	asked = 0
	step("a switch stays on", giveUp)
	if asked > 0 || !u.inUse(t.Context(), "kind:edit") {
		t.Errorf("asked %d times more", asked)
	}
	failure = nil
	if v := u.judge(t.Context(), "kind:other"); v != keep {
		t.Errorf("another feature is %s", v)
	}
	*now = now.Add(time.Hour)
	if v := u.judge(t.Context(), "kind:other"); v != discard {
		t.Errorf("another feature is %s", v)
	}
}

func TestUnknowns_FollowTheNodes(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	u, now, _ := clocked(&Config{Peers: table})
	u.meet("kind:edit")
	*now = now.Add(time.Hour)
	newer := peer.Node{ID: "newer", Knows: append(chat.BaseFeatures(), "kind:edit")}
	table.Heard(newer, *now)
	if v := u.judge(t.Context(), "kind:edit"); v != giveUp {
		t.Errorf("while a node knows it: %s", v)
	}
	table.Left("newer")
	*now = now.Add(time.Hour)
	if v := u.judge(t.Context(), "kind:edit"); v != keep {
		t.Errorf("when the node that knew it has left: %s", v)
	}
	if u.inUse(t.Context(), "kind:edit") {
		t.Error("it is in use, and no node knows it")
	}
}

func TestUnknowns_LogAnnouncementsOnceAMinute(t *testing.T) {
	u, now, _ := clocked(&Config{})
	var news []bool
	for range 4 {
		news = append(news, u.isNews("kind:a"))
		*now = now.Add(30 * time.Second)
	}
	if got := fmt.Sprint(news); got != "[true false true false]" || !u.isNews("kind:b") {
		t.Errorf("news: %s", got)
	}
}

func TestUnknownReason_SaysWhat(t *testing.T) {
	for want, unknown := range map[string]*chat.UnknownError{
		`unknown kind "edit": no node has known it for 1m0s`: {Version: 1, Kind: "edit"},
		`unknown version 7: no node has known it for 1m0s`:   {Version: 7, Kind: "message"},
	} {
		if got := unknownReason(unknown, time.Minute).Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestFeatureLabels_AreFew(t *testing.T) {
	var labels featureLabels
	seen := map[string]bool{}
	for range 2 {
		for i := range 1000 {
			seen[labels.of(chat.Feature(fmt.Sprint("kind:", i)))] = true
		}
	}
	if len(seen) != maxFeatureLabels+1 || !seen["kind:0"] || !seen[otherFeatures] {
		t.Errorf("%d labels", len(seen))
	}
}
