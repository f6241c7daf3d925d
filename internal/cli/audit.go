package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"
	"time"

	"restante/internal/audit"
	"restante/internal/errs"
)

// auditFlag is the flag of commands that change a broker or a store, or show what clients have written.
type auditFlag struct {
	AuditLog string `env:"RESTANTE_AUDIT_LOG" placeholder:"FILE" help:"File of the audit log, to which a line is appended that says what was done and by whom; the server's may be the same. 'off': none (default: standard error, unless it is a terminal)."`
}

// auditLimit is how long the end of a command waits for its line to be written.
const auditLimit = 5 * time.Second

// do calls work and notes what came of it. work returns how many things it has changed or shown. Nothing is done when the audit log
// cannot be opened.
func (f *auditFlag) do(ctx context.Context, s *streams, e audit.Event, work func() (int, error)) error {
	cfg := audit.Config{File: f.AuditLog, Log: slog.New(slog.NewJSONHandler(s.err, nil))}
	if f.AuditLog == "" && isTerminal(s.err) {
		cfg.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) // a terminal keeps nothing
	}
	cfg.Node, _ = os.Hostname()
	log, err := audit.Open(cfg)
	if err != nil {
		return err
	}
	n, err := work()
	e.Outcome, e.User, e.Count = audit.OK, loginName(), n
	if err != nil {
		e.Outcome, e.Reason = audit.Failed, string(errs.CodeOf(err))
	}
	log.Note(ctx, e)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditLimit)
	defer cancel()
	return errors.Join(err, log.Close(closing))
}

// loginName returns the name of the user that the process belongs to. It does not ask the environment, which the user may change.
func loginName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// subject names the letters of a selection.
func (c *selection) subject() string {
	if c.All {
		return "all"
	}
	return strings.Join(c.IDs, " ")
}
