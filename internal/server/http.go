package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"restante/client"
	"restante/internal/api"
	"restante/internal/broker"
	"restante/internal/config"
	"restante/internal/hub"
	"restante/internal/store"
)

// newHandler returns everything that is answered over HTTP.
func newHandler(cfg config.Config, log *slog.Logger, metrics *prometheus.Registry, st *store.Store, b *broker.Broker, h *hub.Hub, accept *gate) (http.Handler, error) {
	site, err := client.New()
	if err != nil {
		return nil, err
	}
	handler, err := api.New(api.Config{
		Accept: accept, History: st, Rooms: st, Follow: follow(h, accept), Hub: h, Site: site,
		Checks: []api.Check{
			{Name: "accepting", Do: accept.check},
			{Name: "broker", Do: b.Check},
			{Name: "store", Do: st.Check, Degrades: cfg.ManyMachines()},
		},
		Build: ReadBuild(), Gather: metrics, Metrics: metrics,
		AllowedOrigins: cfg.CORSOrigin, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return handler, nil
}

// follow streams a room until the server stops; then new streams go elsewhere.
func follow(h *hub.Hub, accept *gate) api.Follow {
	return func(ctx context.Context, room string, after int64, w api.StreamWriter) error {
		if err := accept.check(ctx); err != nil {
			return err
		}
		return h.Follow(ctx, room, after, w)
	}
}

// newHTTPServer has no limit on writing, since streams last: whoever writes sets one per write.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: api.ReadHeaderTimeout,
		IdleTimeout:       api.IdleTimeout,
		MaxHeaderBytes:    api.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// explainListen adds to the error of a listener what to do about it.
func explainListen(err error) error {
	advice := "choose another address with --listen"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another program, perhaps another restante, has this address: stop it, or choose another with --listen"
	case errors.Is(err, syscall.EACCES):
		advice = "this user may not listen on a port that low: choose one above 1023 with --listen"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "no network interface of this machine has this address: choose another with --listen"
	}
	return fmt.Errorf("%w (%s)", err, advice)
}
