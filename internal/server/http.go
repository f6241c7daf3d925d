package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"restante/client"
	"restante/internal/api"
	"restante/internal/cert"
	"restante/internal/chat"
	"restante/internal/config"
	"restante/internal/lifecycle"
	"restante/internal/limit"
	"restante/internal/nodetls"
	"restante/internal/remote"
)

// newHandler returns everything that is answered over HTTP: the API, with what it needs of the configuration, the web
// client and the hub.
func newHandler(cfg config.Config, parts api.Config) (http.Handler, error) {
	site, err := client.New()
	if err != nil {
		return nil, err
	}
	if site != nil {
		parts.Site = site
	}
	parts.Build, parts.AllowedOrigins = ReadBuild(), cfg.CORSOrigin
	handler, err := api.New(parts)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return handler, nil
}

// follow streams a room until the server stops. While it stops, new streams are refused: their clients find another node.
func (s *Server) follow(ctx context.Context, cursor chat.Cursor, w api.StreamWriter) error {
	if err := s.entry.gate.check(ctx); err != nil {
		return err
	}
	return s.hub.Follow(ctx, cursor, w)
}

func (s *Server) openCertificates(context.Context) (_ lifecycle.Stop, err error) {
	s.certificates, err = cert.Open(cert.Config{
		Cert: s.cfg.TLS.Cert, Key: s.cfg.TLS.Key,
		Domains: s.cfg.ACME.Domain, Email: s.cfg.ACME.Email, Directory: s.cfg.ACME.Directory, Cache: filepath.Join(s.cfg.Data, "acme"),
		Log: s.log, Metrics: s.metrics,
	})
	if err != nil {
		return nil, err
	}
	s.tls = s.certificates.TLSConfig()
	return nil, nil
}

func (s *Server) runCertificates(ctx context.Context) error { return s.certificates.Run(ctx) }

// newHTTPServer returns a server for the connections of limits. It has no limit on the time to write, since streams last:
// handlers set one for each write.
func newHTTPServer(handler http.Handler, limits *limit.Limits, log *slog.Logger) *http.Server {
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: limit.HeaderTimeout,
		IdleTimeout:       api.IdleTimeout,
		MaxHeaderBytes:    api.MaxHeaderBytes,
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 15 * time.Second}, // ends streams to clients that have vanished
		ErrorLog:          stdlog.New(&errorLog{log}, "", 0),
	}
	limits.Serve(srv)
	return srv
}

// connections returns the listener that a server which is not serving yet serves on. Other nodes speak TLS with their own keys on the
// port of the clients.
func (s *Server) connections(srv *http.Server) net.Listener {
	clients := s.access.limits.Listener(s.listener, s.tls)
	switch {
	case s.own == nil:
		return clients
	case s.tls != nil:
		s.tls.GetConfigForClient = s.own.Answer
		return clients
	}
	counted := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return nodetls.ConnContext(counted(ctx, c), c) }
	return s.own.Listener(clients)
}

// errorLog takes the error lines of net/http.
type errorLog struct{ log *slog.Logger }

// Write implements io.Writer.
func (e *errorLog) Write(line []byte) (int, error) {
	e.log.Warn("net/http complains", slog.String("error", string(bytes.TrimSpace(line))))
	return len(line), nil
}

// scheme returns what the server's address begins with.
func scheme(cfg config.Config) string {
	if cfg.ServesTLS() {
		return "https://"
	}
	return "http://"
}

// secure reports whether the client has used https, if that is known.
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
