// Package server is the composition root: the one place where the journey's interfaces meet their implementations, the
// broker, the store and the hub that the configuration asks for. Read Server.steps first: it lists everything that runs.
// Then read entry.go, which shows every way in for a message.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"restante/internal/audit"
	"restante/internal/auth"
	"restante/internal/broker"
	"restante/internal/build"
	"restante/internal/cert"
	"restante/internal/config"
	"restante/internal/epoch"
	"restante/internal/forward"
	"restante/internal/health"
	"restante/internal/hub"
	"restante/internal/lifecycle"
	"restante/internal/memory"
	"restante/internal/nodetls"
	"restante/internal/peer"
	"restante/internal/revocation"
	"restante/internal/store"
	"restante/internal/telemetry"
	"restante/internal/turn"
	"restante/internal/upgrade"
)

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	cfg     config.Config // complete
	log     *slog.Logger
	metrics *prometheus.Registry
	parts   *lifecycle.Group
	stopped sync.Once   // guards the log line of Stop
	leaving atomic.Bool // a stop has begun
	failed  atomic.Bool // a part has ended by itself, so that the stop need not wait for load balancers

	// The steps of a start set these, each for the steps after it.
	memory       *memory.Budget // for what clients make the process keep
	listener     net.Listener
	own          *nodetls.Identity // for connections with other nodes; nil on one machine
	peers        *peer.Table
	audit        *audit.Log
	traces       *telemetry.Telemetry
	broker       *broker.Broker
	inbox        readInbox
	topology     func(ctx context.Context) error // nil on one machine
	judge        *epoch.Judge                    // of the store, nil on one machine
	store        *store.Store
	database     epoch.Store // of the judge
	switches     *upgrade.Switcher
	revoker      *revocation.Revoker
	record       revocation.Record // the broker's, nil on one machine
	access       *access
	entry        *entry
	health       *health.Board
	logs         auth.Log    // what clients may read of the store
	turns        *turn.Turns // of reads of history
	forwarder    *forward.Forwarder
	hub          *hub.Hub
	certificates *cert.Source
	tls          *tls.Config // nil: clients do not use TLS
}

// steps lists the parts of a server in the order of their start, which is the journey from its end to its beginning: no
// message is accepted before there is a way out. A stop goes through the list in reverse. The node has the parts of the
// journey that its roles name.
func (s *Server) steps() []lifecycle.Step {
	noHub, noConsumer := !s.hasRole(peer.Hub), !s.hasRole(peer.Consumer)
	return []lifecycle.Step{
		{Name: "memory", Start: s.openMemory}, // the budget for clients
		{Name: "listener", Start: s.listen},   // first: the node tells the others its address; requests wait until http
		{Name: "node", Start: s.identify},     // its id, address and features, and the table of its peers
		{Name: "audit", Start: s.openAudit},   // before everything that notes something there
		{Name: "traces", Start: s.startTraces},
		{Name: "broker", Start: s.openBroker}, // first: its record says which store it belongs to
		{Name: "store", Start: s.openStore},
		{Name: "judge", Start: s.judgeStore, Run: s.watchStore, Skip: s.alone()}, // whether the store is still the one that it was
		{Name: "switches", Start: s.openSwitches, Run: s.runSwitches},            // ends the server when the store asks for a newer version
		{Name: "topology", Run: s.watchTopology, Skip: s.alone()},                // ends the server when the broker contradicts what it relies on
		{Name: "revocations", Start: s.openRevocations, Run: s.runRevocations},   // which tokens count no more
		{Name: "access", Start: s.openAccess},                                    // tokens, limits, addresses
		{Name: "entry", Start: s.compose},                                        // entry, logs, forwarder and hub: nothing runs yet
		{Name: "health", Start: s.openHealth},                                    // the checks of readiness
		{Name: "watch", Run: s.watchHealth, Skip: s.alone()},                     // tells the other nodes which of them fail
		{Name: "hub", Run: s.runHub, Skip: noHub},                                // sends to connections
		{Name: "deliver", Run: s.runDeliver, Skip: noHub},                        // from the broker to the hub
		{Name: "persist", Run: s.runPersist, Skip: noConsumer},                   // from the broker to the store
		{Name: "inbox", Run: s.runInbox, Skip: noConsumer || s.alone()},          // from other services to the entry
		{Name: "certificates", Start: s.openCertificates, Run: s.runCertificates, Skip: !s.cfg.ServesTLS()},
		{Name: "http", Start: s.serve},
		{Name: "connections", Start: s.drainOnStop}, // stops first: requests are still answered while clients are sent elsewhere
	}
}

func newServer(cfg config.Config, log *slog.Logger, metrics ...prometheus.Collector) *Server {
	s := &Server{cfg: cfg.Complete(), log: log, metrics: prometheus.NewRegistry()}
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics.MustRegister(metrics...)
	s.parts = lifecycle.New(s.steps()...)
	return s
}

// alone reports whether this is the only node.
func (s *Server) alone() bool { return !s.cfg.ManyMachines() }

func (s *Server) hasRole(role peer.Role) bool { return slices.Contains(s.cfg.Roles, role) }

// Run serves as cfg says until ctx is done or something fails, then stops within cfg.Drain. ready, if not nil, is called
// with the server's address once the server accepts requests. metrics are shown beside the server's own. A nil error means
// that every part stopped without an error.
func Run(ctx context.Context, cfg config.Config, log *slog.Logger, ready func(addr string), metrics ...prometheus.Collector) error {
	s, err := Start(ctx, cfg, log, metrics...)
	if err != nil {
		return err
	}
	if ready != nil {
		ready(s.Addr())
	}
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-s.Failed():
		s.failed.Store(true)
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	return errors.Join(failure, s.Stop(stopCtx))
}

// Start starts a server and returns once it accepts requests. ctx limits the start only: Stop ends the server. An error
// says what to do about it; nothing runs then. metrics are shown beside the server's own.
func Start(ctx context.Context, cfg config.Config, log *slog.Logger, metrics ...prometheus.Collector) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	s := newServer(cfg, log, metrics...)
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	log.Info("serving", "url", scheme(s.cfg)+s.Addr(), "version", build.Version(), "roles", joined(s.cfg.Roles),
		"broker", withoutPasswords(s.cfg.Broker), "store", withoutPassword(s.cfg.Store),
		"authentication", s.access.inForce)
	return s, nil
}

// start starts every part, or none: after a failure it stops those that have started.
func (s *Server) start(ctx context.Context) error {
	err := s.parts.Start(ctx)
	if err == nil {
		return nil
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	return errors.Join(err, s.parts.Stop(stopCtx))
}

// Addr returns the address that was listened on, as HOST:PORT.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Failed receives an error when a part of the server has ended by itself. The server is of no use then; stop it.
func (s *Server) Failed() <-chan error { return s.parts.Failed() }

// Stop stops the server: it reports that it is not ready and goes on for Config.DrainDelay, so that load balancers notice. Then
// it refuses messages, finishes those it has accepted, tells its clients to reconnect, and closes the broker and the store. It blocks until that is done or ctx is. ctx should have a
// deadline: clients are told one after the other in the time until then. Further calls wait for the same outcome.
func (s *Server) Stop(ctx context.Context) error {
	begun := time.Now()
	err := s.parts.Stop(ctx)
	s.stopped.Do(func() { s.log.Info("stopped", "took", time.Since(begun).String()) })
	return err
}
