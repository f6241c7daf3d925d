// Package server is the composition root: the one place where the journey's interfaces meet what stands behind them, the
// broker, the store and the hub that the configuration asks for. Start puts them together in the order in which a
// message passes them, Stop takes them apart in reverse.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"restante/internal/api"
	"restante/internal/auth"
	"restante/internal/broker"
	"restante/internal/config"
	"restante/internal/forward"
	"restante/internal/hub"
	"restante/internal/journey"
	"restante/internal/peer"
	"restante/internal/signalr"
	"restante/internal/store"
	"restante/internal/telemetry"
)

// Server is a running server. Its methods may be called concurrently.
type Server struct {
	log      *slog.Logger
	addr     net.Addr
	failed   chan error // has room for the first failure
	running  []part     // in the order of their start
	stopOnce sync.Once
	stopErr  error
}

// part is something that has been started and knows how to stop. Stop gives up when ctx is done.
type part struct {
	name string
	stop func(ctx context.Context) error
}

// Run serves as cfg says until ctx is done or something fails, then stops within cfg.Drain. ready, if not nil, is called
// with the address that was listened on once the server takes requests. A nil error means that everything was stopped
// in good order.
func Run(ctx context.Context, cfg config.Config, log *slog.Logger, ready func(addr string)) error {
	s, err := Start(ctx, cfg, log)
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
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Complete().Drain)
	defer cancel()
	return errors.Join(failure, s.Stop(stopCtx))
}

// Start starts a server and returns once it takes requests. ctx limits the start only: Stop ends the server. An error says
// what to do about it, and leaves nothing running.
func Start(ctx context.Context, cfg config.Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	cfg = cfg.Complete()
	s := &Server{log: log, failed: make(chan error, 1)}
	inForce, err := s.start(ctx, cfg)
	if err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.Drain)
		defer cancel()
		return nil, errors.Join(err, s.stopAll(stopCtx))
	}
	log.Info("serving", "url", scheme(cfg)+s.Addr(), "version", ReadBuild().Version, "roles", joined(cfg.Roles),
		"broker", withoutPasswords(cfg.Broker), "store", withoutPassword(cfg.Store),
		"authentication", inForce)
	return s, nil
}

// start is the journey put together, from its end to its beginning, so that nothing is let in before there is a way out.
// The node has the parts of the journey that its roles name. It returns which authentication is in force.
func (s *Server) start(ctx context.Context, cfg config.Config) (inForce string, err error) {
	metrics := newRegistry()
	listener, err := s.listen(ctx, cfg.Listen) // first, because other nodes are told the address
	if err != nil {
		return "", err
	}
	self, err := newNode(cfg, listener.Addr())
	if err != nil {
		return "", err
	}
	traces, err := telemetry.Start(ctx, telemetry.Config{Log: s.log, Node: self.ID, Version: ReadBuild().Version})
	if err != nil {
		return "", err
	}
	s.started("traces", traces.Stop)

	peers := peer.NewTable(self)
	base, err := openShape(ctx, cfg, peers, s.log, metrics)
	if err != nil {
		return "", err
	}
	st := store.New(base.store, store.Config{Log: s.log, Metrics: metrics, Tracer: traces.Provider()})
	s.started("store", func(context.Context) error { return st.Close() })
	b := broker.New(base.broker, broker.Config{Log: s.log, Metrics: metrics, Tracer: traces.Provider()})
	s.started("broker", func(context.Context) error { return b.Close() })

	access, err := s.openAccess(ctx, cfg, peers, metrics)
	if err != nil {
		return "", err
	}
	accept := &gate{next: &journey.Accept{Broker: b}}
	fromClients := auth.Accept{Next: access.limits.Accept(accept)}
	readable := auth.Log{Next: st}
	forwarder := forward.New(peers, forward.Config{Log: s.log, Metrics: metrics})
	h := hub.New(hub.Config{
		Log: s.log, Metrics: metrics,
		Connect: access.limits.Connect, Allow: access.limits.AllowCall, MaxRooms: cfg.Limit.Rooms, CatchUps: cfg.Limit.CatchUps,
		SignalR: signalr.Config{
			AllowedOrigins: cfg.CORSOrigin, Identify: access.identify, Secure: secure,
			Node: self.ID, Forward: forwarder.ToNode,
		},
	}, hub.Logs{Guarded: readable, Shared: st}, fromClients)
	if self.Has(peer.Hub) {
		s.background(ctx, "hub", h.Run)
		s.background(ctx, "deliver", func(ctx context.Context) error { return b.Subscribe(ctx, &journey.Deliver{Hub: h}) })
	}
	if self.Has(peer.Consumer) {
		persist := &journey.Persist{Store: st, Broker: b}
		s.background(ctx, "persist", func(ctx context.Context) error { return b.Consume(ctx, persist.Persist) })
		if base.inbox != nil {
			s.background(ctx, "inbox", func(ctx context.Context) error { return base.inbox(ctx, accept.Accept) })
		}
	}

	handler, err := newHandler(cfg, api.Config{
		Accept: fromClients, History: readable, Rooms: readable, Follow: follow(h, accept), Hub: h, Allow: access.limits.Allow,
		Checks: []api.Check{
			{Name: "accepting", Do: accept.check}, {Name: "broker", Do: b.Check},
			{Name: "store", Do: st.Check, Degrades: cfg.ManyMachines()},
		},
		Gather: metrics, Metrics: metrics, Log: s.log,
	})
	if err != nil {
		return "", err
	}
	handler = access.mark(byRole(self, handler, elsewhere(forwarder)))
	if err := s.serve(ctx, cfg, access.limits.Listener(listener), traces.Wrap(handler), metrics); err != nil {
		return "", err
	}
	s.started("connections", func(ctx context.Context) error { return s.drain(ctx, accept, h, forwarder) })
	return access.inForce, nil
}

// newRegistry returns a registry of metrics that has those of the process.
func newRegistry() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return metrics
}

// Addr returns the address that was listened on, as HOST:PORT.
func (s *Server) Addr() string { return s.addr.String() }

// Failed receives an error when a part of the server has ended by itself. The server is of no use then; stop it.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop stops the server: it is not ready and takes no message any more, finishes those it has taken, tells its clients to
// reconnect, and closes the broker and the store. It blocks until that is done or ctx is; ctx should have a deadline,
// over which the farewells are spread. Calling it again waits for the same outcome.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		start := time.Now()
		s.stopErr = s.stopAll(ctx)
		s.log.Info("stopped", "took", time.Since(start).String())
	})
	return s.stopErr
}

// stopAll stops what is running, in reverse order of its start.
func (s *Server) stopAll(ctx context.Context) (err error) {
	for _, p := range slices.Backward(s.running) {
		err = errors.Join(err, p.stopWithin(ctx))
	}
	return err
}

// lastMoment is what a part gets when ctx is done already, because one before it has used the time up.
const lastMoment = 100 * time.Millisecond

// stopWithin stops the part, but does not wait for it beyond ctx: the process must end, and nothing that was accepted
// depends on how.
func (p part) stopWithin(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.stop(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(lastMoment):
			err = fmt.Errorf("not done in time: %w", ctx.Err())
		}
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	return nil
}

func (s *Server) started(name string, stop func(ctx context.Context) error) {
	s.running = append(s.running, part{name, stop})
}

// background starts run as a part that ends when its context does. It outlives ctx.
func (s *Server) background(ctx context.Context, name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := run(ctx)
		if err != nil || ctx.Err() == nil {
			s.fail(fmt.Errorf("%s has ended: %w", name, err))
		}
	}()
	s.started(name, func(context.Context) error {
		cancel()
		<-done
		return nil
	})
}

// fail reports a failure; those after the first are its consequences.
func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// drain is the first step of a stop, while requests are still answered. It and the requests that follow leave a sixth of
// the time for the parts that have nobody to wait for.
func (s *Server) drain(ctx context.Context, accept *gate, h *hub.Hub, forwarder *forward.Forwarder) error {
	s.log.Info("stopping: no message is accepted any more, clients are told to reconnect")
	shutCtx, cancel := share(ctx, 0.2)
	defer cancel()
	if err := accept.shut(shutCtx); err != nil {
		s.log.Warn("messages still wait for their confirmation; their senders will not know", "error", err)
	}
	drainCtx, cancel := share(ctx, 0.6)
	defer cancel()
	var draining errgroup.Group
	draining.Go(func() error { return h.Drain(drainCtx) })
	draining.Go(func() error { return forwarder.Drain(drainCtx) })
	if err := draining.Wait(); err != nil {
		s.log.Warn("cut the connections that had not ended in time", "error", err)
	}
	return nil
}

// share returns a context that ends when the given part of the time until ctx's deadline is over.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(part*float64(time.Until(deadline))))
}
