package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	brokerdriver "restante/internal/broker/driver"
	"restante/internal/config"
	"restante/internal/peer"
)

// hubs returns the table of a hub that hears of two others for the next second; the second of them says what fails there.
func hubs(failing ...string) *peer.Table {
	t := peer.NewTable(peer.Node{ID: "self", Roles: []peer.Role{peer.Hub}})
	t.Heard(peer.Node{ID: "api", Roles: []peer.Role{peer.API}}, time.Now())
	t.Heard(peer.Node{ID: "self", Roles: []peer.Role{peer.Hub}}, time.Now())
	t.Heard(peer.Node{ID: "other", Roles: []peer.Role{peer.Hub}, Failing: failing}, time.Now())
	return t
}

// A hub that does not hear is not ready if another hub hears, and degraded if none does.
func TestHearing_MattersWhenTheHubIsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := func(context.Context) error { return errors.New("silence") }
		for name, tc := range map[string]struct {
			failing  []string // on the other hub
			silent   time.Duration
			degrades bool
		}{
			"another hub hears":       {[]string{"storing"}, 0, false},
			"no hub hears":            {[]string{"storing", brokerdriver.Hearing}, 0, true},
			"the other hub was alive": {nil, peer.Expiry + 1, true},
		} {
			h := &hearing{check: deaf, peers: hubs(tc.failing...)}
			time.Sleep(tc.silent) // fake time
			if err := h.do(t.Context()); err == nil {
				t.Fatal("it hears")
			}
			if got := h.degrades(); got != tc.degrades {
				t.Errorf("%s: degrades %t", name, got)
			}
		}
	})
}

// Hubs that lose the broker together need a moment to hear so of each other.
func TestHearing_MayFailForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peers := hubs()
		h := &hearing{check: func(context.Context) error { return nil }, peers: peers}
		if err := h.do(t.Context()); err != nil {
			t.Fatal(err)
		}
		for wait, want := range map[time.Duration]bool{agree - 1: true, agree + 1: false} {
			began := h.heard
			time.Sleep(wait) // fake time
			peers.Heard(peer.Node{ID: "other", Roles: []peer.Role{peer.Hub}}, time.Now())
			if got := h.degrades(); got != want {
				t.Errorf("%v after it has heard: degrades %t", time.Since(began), got)
			}
			h.heard = time.Now()
		}
	})
}

func TestServer_ForwardingNeedsEveryRole(t *testing.T) {
	peers := peer.NewTable(peer.Node{ID: "self", Roles: []peer.Role{peer.API}})
	s := &Server{cfg: config.Config{Roles: []peer.Role{peer.API}}, peers: peers}
	for _, role := range []peer.Role{peer.Consumer, peer.Hub} {
		if err := s.checkForwarding(t.Context()); err == nil || !strings.Contains(err.Error(), string(role)) {
			t.Errorf("without the role %s: %v", role, err)
		}
		peers.Heard(peer.Node{ID: string(role), Roles: []peer.Role{role}}, time.Now())
	}
	if err := s.checkForwarding(t.Context()); err != nil {
		t.Error(err)
	}
}
