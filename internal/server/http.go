package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/client"
	"restante/internal/api"
	"restante/internal/cert"
	"restante/internal/config"
	"restante/internal/hub"
	"restante/internal/remote"
)

// newHandler returns everything that is answered over HTTP: the API, with what it needs of the configuration, the page
// and the hub.
func newHandler(cfg config.Config, parts api.Config) (http.Handler, error) {
	site, err := client.New()
	if err != nil {
		return nil, err
	}
	if site != nil {
		parts.Site = site
	}
	parts.Build, parts.AllowedOrigins = ReadBuild(), cfg.CORSOrigin
	parts.ThisMachine = cfg.Auth == config.AuthUnsaid && len(cfg.TrustedProxy) == 0
	handler, err := api.New(parts)
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

// listen opens the address. Requests wait until serve.
func (s *Server) listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, explainListen(err)
	}
	s.addr = listener.Addr()
	s.started("listener", func(context.Context) error {
		if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return listener, nil
}

// serve answers what comes to the listener with handler, over TLS if the configuration says so.
func (s *Server) serve(ctx context.Context, cfg config.Config, listener net.Listener, handler http.Handler, metrics prometheus.Registerer) error {
	srv := newHTTPServer(handler, s.log)
	serve := srv.Serve
	if cfg.ServesTLS() {
		certificates, err := s.certificates(ctx, cfg, metrics)
		if err != nil {
			return err
		}
		srv.TLSConfig = certificates
		serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serve on %s: %w", listener.Addr(), err))
		}
	}()
	s.started("http", func(ctx context.Context) error {
		defer func() { <-done }()
		shutCtx, cancel := share(ctx, 0.5)
		defer cancel()
		if err := srv.Shutdown(shutCtx); err != nil {
			s.log.Warn("cut the requests that were still in progress", "error", err)
			return srv.Close()
		}
		return nil
	})
	return nil
}

// certificates opens the server's own, and keeps them up to date.
func (s *Server) certificates(ctx context.Context, cfg config.Config, metrics prometheus.Registerer) (*tls.Config, error) {
	source, err := cert.Open(cert.Config{
		Cert: cfg.TLS.Cert, Key: cfg.TLS.Key,
		Domains: cfg.ACME.Domain, Email: cfg.ACME.Email, Directory: cfg.ACME.Directory, Cache: filepath.Join(cfg.Data, "acme"),
		Log: s.log, Metrics: metrics,
	})
	if err != nil {
		return nil, err
	}
	s.background(ctx, "certificates", source.Run)
	return source.TLSConfig(), nil
}

// newHTTPServer has no limit on writing, since streams last: whoever writes sets one per write.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: api.ReadHeaderTimeout,
		IdleTimeout:       api.IdleTimeout,
		MaxHeaderBytes:    api.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 15 * time.Second}, // or a stream to a client that vanished lasts
		ErrorLog:          stdlog.New(&errorLog{log}, "", 0),
	}
}

// errorLog is where net/http complains. About the handshakes of scanners, which every port has, it does so at debug.
type errorLog struct{ log *slog.Logger }

// Write implements io.Writer.
func (e *errorLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		level = slog.LevelDebug
	}
	e.log.Log(context.Background(), level, "net/http complains", slog.String("error", string(bytes.TrimSpace(line))))
	return len(line), nil
}

// scheme returns what the server's address begins with.
func scheme(cfg config.Config) string {
	if cfg.ServesTLS() {
		return "https://"
	}
	return "http://"
}

// secure reports whether a request has come by https, if that is known.
func secure(r *http.Request) (secure, known bool) {
	from := remote.From(r.Context())
	return from.Secure, from.Known
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
