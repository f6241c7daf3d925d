package server

import (
	"context"
	"slices"
	"sync"
	"time"

	brokerdriver "restante/internal/broker/driver"
	"restante/internal/errs"
	"restante/internal/health"
	"restante/internal/lifecycle"
	"restante/internal/peer"
)

// The names of the checks that are not the broker's. health.Accepting comes before them.
const (
	publishing = "publishing" // the broker takes messages
	storing    = "storing"    // the store can be read and written
	forwarding = "forwarding" // for each role that this node lacks there is another node
	owning     = "store"      // the broker belongs to the store of this node
)

// A node is not ready (503) when another node can do what it cannot: load balancers go on with the others. It is degraded
// (200) when all nodes lack the same while messages are accepted and kept: without any node nothing would work at all.

// openHealth makes the board of the node's checks. On many machines the heartbeats tell what fails.
func (s *Server) openHealth(context.Context) (lifecycle.Stop, error) {
	cfg := health.Config{Log: s.log}
	if !s.alone() {
		cfg.Report = s.peers.SetFailing
	}
	s.health = health.NewBoard(cfg)
	s.health.Add(s.checks()...)
	return s.health.Close, nil
}

func (s *Server) watchHealth(ctx context.Context) error { return s.health.Watch(ctx) }

// checks lists the checks that the node's shape and roles need.
func (s *Server) checks() []health.Check {
	always := func() bool { return true }
	if s.alone() {
		return []health.Check{{Name: storing, Do: s.store.Check}} // the store is what confirms messages
	}
	checks := []health.Check{
		{Name: publishing, Do: s.broker.Check},
		{Name: storing, Do: s.store.Check, Degrades: always},
		{Name: owning, Do: func(context.Context) error { return s.judge.Check() }},
	}
	for _, c := range s.broker.Checks() {
		check := health.Check{Name: c.Name, Do: c.Do, Degrades: always}
		switch {
		case c.Name == brokerdriver.Consuming && !s.hasRole(peer.Consumer), c.Name == brokerdriver.Hearing && !s.hasRole(peer.Hub):
			continue
		case c.Name == brokerdriver.Hearing:
			h := &hearing{check: c.Do, peers: s.peers}
			check.Do, check.Degrades = h.do, h.degrades
		}
		checks = append(checks, check)
	}
	if len(s.cfg.Roles) < len(peer.Roles()) {
		checks = append(checks, health.Check{Name: forwarding, Do: s.checkForwarding, Degrades: always})
	}
	return checks
}

// checkForwarding returns nil while each role that this node lacks has a node.
func (s *Server) checkForwarding(context.Context) error {
	for _, role := range peer.Roles() {
		if !s.hasRole(role) && len(s.peers.Alive(role, time.Now())) == 0 {
			return &errs.Error{Code: errs.Unavailable, Msg: "no node with the role " + string(role) + " is alive"}
		}
	}
	return nil
}

// isLeaving reports whether another node has said that it stops. It may refuse messages soon.
func isLeaving(n peer.Node) bool { return slices.Contains(n.Failing, health.Accepting) }

// hearing is the check of a hub that it hears what is stored. It decides whether the hub is alone with its failure.
type hearing struct {
	check func(context.Context) error
	peers *peer.Table

	mu    sync.Mutex
	heard time.Time // when the check has succeeded last
}

// agree is how long hubs that lose the broker together may take to hear so of each other.
const agree = 2 * peer.Expiry

func (h *hearing) do(ctx context.Context) error {
	err := h.check(ctx)
	if err == nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.heard = time.Now()
	}
	return err
}

// degrades reports whether the node is useful although it does not hear: when there is no other hub that does. A hub that
// has just stopped to hear counts as useful, since the others may have stopped at the same moment.
func (h *hearing) degrades() bool {
	h.mu.Lock()
	heard := h.heard
	h.mu.Unlock()
	now := time.Now()
	if !heard.IsZero() && now.Sub(heard) < agree {
		return true
	}
	self := h.peers.Self().ID
	return !slices.ContainsFunc(h.peers.Alive(peer.Hub, now), func(n peer.Node) bool {
		return n.ID != self && !slices.Contains(n.Failing, brokerdriver.Hearing)
	})
}
