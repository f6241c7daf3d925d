package server

import (
	"context"
	"log/slog"

	"restante/internal/config"
	"restante/internal/lifecycle"
)

// StartWith starts a server whose steps a test has changed.
func StartWith(ctx context.Context, cfg config.Config, log *slog.Logger, change func([]lifecycle.Step) []lifecycle.Step) (*Server, error) {
	s := newServer(cfg, log)
	s.parts = lifecycle.New(change(s.steps())...)
	return s, s.start(ctx)
}

// Fail reports that a part of the server has failed.
func (s *Server) Fail(err error) { s.parts.Fail(err) }
