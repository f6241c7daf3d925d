package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"restante/internal/api"
	"restante/internal/auth"
	"restante/internal/broker"
	"restante/internal/build"
	"restante/internal/forward"
	"restante/internal/hub"
	"restante/internal/journey"
	"restante/internal/lifecycle"
	"restante/internal/limit"
	"restante/internal/nodetls"
	"restante/internal/peer"
	"restante/internal/signalr"
	"restante/internal/store"
	"restante/internal/telemetry"
	"restante/internal/turn"
	"restante/internal/upgrade"
)

// The steps of Server.steps, in their order.

func (s *Server) listen(ctx context.Context) (lifecycle.Stop, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return nil, explainListen(err)
	}
	s.listener = listener
	return func(context.Context) error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}, nil
}

func (s *Server) identify(context.Context) (_ lifecycle.Stop, err error) {
	if !s.alone() {
		if s.own, err = nodetls.New(); err != nil {
			return nil, err
		}
	}
	self, err := newNode(s.cfg, s.listener.Addr(), s.own)
	s.peers = peer.NewTable(self)
	return nil, err
}

func (s *Server) startTraces(ctx context.Context) (_ lifecycle.Stop, err error) {
	s.traces, err = telemetry.Start(ctx, telemetry.Config{Log: s.log, Node: s.peers.Self().ID, Version: build.Version()})
	if err != nil {
		return nil, err
	}
	return s.traces.Stop, nil
}

func (s *Server) openStore(ctx context.Context) (lifecycle.Stop, error) {
	driver, err := s.openStoreDriver(ctx)
	if err != nil {
		return nil, err
	}
	s.store = store.New(driver, store.Config{Log: s.log, Metrics: s.metrics, Tracer: s.traces.Provider()})
	return func(context.Context) error { return s.store.Close() }, nil
}

func (s *Server) openSwitches(context.Context) (lifecycle.Stop, error) {
	cfg := upgrade.Config{Release: build.Version(), Log: s.log}
	if !s.alone() {
		cfg.Peers = s.peers
	}
	s.switches = upgrade.New(s.store, cfg)
	return nil, nil
}

func (s *Server) runSwitches(ctx context.Context) error { return s.switches.Run(ctx) }

func (s *Server) openBroker(ctx context.Context) (lifecycle.Stop, error) {
	driver, inbox, err := s.openBrokerDriver(ctx)
	if err != nil {
		return nil, err
	}
	s.inbox = inbox
	s.broker = broker.New(driver, broker.Config{Log: s.log, Metrics: s.metrics, Tracer: s.traces.Provider()})
	return func(context.Context) error { return s.broker.Close() }, nil
}

// compose makes what requests are answered with.
func (s *Server) compose(context.Context) (lifecycle.Stop, error) {
	s.entry = newEntry(s.access.limits, s.judge, s.broker)
	s.logs = auth.Log{Next: s.store}
	s.turns = turn.New(turn.Config{Reads: s.cfg.Limit.CatchUps, Memory: s.memory, Metrics: s.metrics})
	s.forwarder = forward.New(s.peers, forward.Config{
		Log: s.log, Metrics: s.metrics, Avoid: isLeaving, Own: s.own,
		Hold: s.access.limits.HoldForwarded, HoldBody: s.access.limits.HoldBody,
	})
	s.hub = hub.New(hub.Config{
		Log: s.log, Metrics: s.metrics,
		Connect: s.access.limits.Connect, Allow: s.access.limits.AllowCall,
		MaxRooms: s.cfg.Limit.Rooms, MaxRoomsPerClient: s.cfg.Limit.RoomsPerClient, Turns: s.turns,
		Memory: s.memory, Owner: limit.Owner,
		CompareEvery: s.compareEvery(), Look: s.look(), Denied: s.deniedCall,
		SignalR: s.withNodes(signalr.Config{
			AllowedOrigins: s.cfg.CORSOrigin, Identify: s.access.identify, Denied: s.deniedHub, Secure: secure, Node: s.peers.Self().ID,
			ReconnectWindow: *s.cfg.ReconnectWindow, Valid: notRevoked, WhenInvalid: auth.WhenRevoked,
			Forget: limit.Forget, Memory: s.memory, MaxUnusedPerClient: unusedPerClient(s.cfg.Limit.ConnectionsPerClient),
		}),
	}, hub.Logs{Guarded: s.logs, Shared: s.store}, s.entry.clients)
	if s.judge != nil {
		s.judge.OnEnter(s.hub.Enter)
	}
	s.revoker.OnChange(s.hub.Recheck)
	return nil, nil
}

// compareEvery is how often the hub compares its rooms with the store by itself: not on one machine, whose broker cannot
// lose an announcement.
func (s *Server) compareEvery() time.Duration {
	if s.alone() {
		return 0
	}
	return 2 * time.Second
}

func (s *Server) runHub(ctx context.Context) error { return s.hub.Run(ctx) }

func (s *Server) runDeliver(ctx context.Context) error {
	return s.broker.Subscribe(ctx, &journey.Deliver{Hub: heard{s.hub, s.judge}})
}

func (s *Server) runPersist(ctx context.Context) error {
	persist := &journey.Persist{Store: remembered{s.store, s.judge}, Broker: s.broker}
	return s.whileOurs(ctx, true, func(ctx context.Context) error { return s.broker.Consume(ctx, persist.Persist) })
}

func (s *Server) watchTopology(ctx context.Context) error { return s.topology(ctx) }

func (s *Server) runInbox(ctx context.Context) error {
	return s.whileOurs(ctx, false, func(ctx context.Context) error { return s.inbox(ctx, s.entry.services.Accept) })
}

// serve answers what comes to the listener.
func (s *Server) serve(context.Context) (lifecycle.Stop, error) {
	local, err := newHandler(s.cfg, api.Config{
		Accept: s.entry.clients, StoresFirst: s.alone(), History: s.logs, Rooms: s.logs, Follow: s.follow, Epoch: s.store.Epoch, Turns: s.turns, Hub: s.hub, Allow: s.access.limits.Allow,
		HoldBody: s.access.limits.HoldBody, HoldAnswer: s.access.limits.HoldAnswer, Forget: limit.Forget, Revocations: s.revocations(),
		Checks: s.health.Outcomes, Gather: s.metrics, Metrics: s.metrics, Denied: s.deniedRequest, Operated: s.operated, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	handler := limit.Compact(s.lastAnswers(answerHalfClosed(s.access.mark(forward.KeepID(byRole(s.peers.Self(), local, s.elsewhere))))))
	srv := newHTTPServer(handler, s.access.limits, s.log)
	listener := s.connections(srv)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.parts.Fail(fmt.Errorf("serve on %s: %w", s.Addr(), err))
		}
	}()
	return func(ctx context.Context) error {
		defer func() { <-done }()
		ctx, cancel := share(ctx, 0.5)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			s.log.Warn("cut the requests that were still in progress", "error", err)
			return srv.Close()
		}
		return nil
	}, nil
}

func (s *Server) drainOnStop(context.Context) (lifecycle.Stop, error) { return s.drain, nil }
