package cli

import (
	"context"
	"fmt"
	"log/slog"

	"restante/internal/audit"
	"restante/internal/store/driver"
	"restante/internal/store/postgres"
	"restante/internal/store/sqlite"
)

type migrateCmd struct {
	Store storeURL `required:"" env:"RESTANTE_STORE" placeholder:"URL" help:"The store: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE."`

	auditFlag `embed:""`
}

// Help is the text of `restante migrate --help` below the usage line.
func (migrateCmd) Help() string {
	return `Examples:

  restante migrate --store postgres://owner:secret@db/restante
  restante migrate --store sqlite:/var/lib/restante/restante.db

A server does the same when it starts. Run this command separately if the servers' database user may not create tables, or to do a long migration before the upgrade. You can start it several times at once: one migrates, the others wait. With PostgreSQL the servers may run meanwhile, unless the changelog says that all nodes must be stopped; with SQLite the server must be stopped.

Exit codes:
  0    the store is up to date
  1    the store cannot be used
  2    the command line is wrong
  3    the store could not be reached, or is in use
  130  interrupted`
}

// Run creates or updates the tables of the store.
func (c *migrateCmd) Run(ctx context.Context, s *streams) error {
	log := slog.New(slog.NewTextHandler(s.err, nil))
	event := audit.Event{What: audit.Admin, Action: "migrate", Subject: c.Store.String()}
	if err := c.do(ctx, s, event, func() (int, error) { return 0, c.migrate(ctx, log) }); err != nil {
		return c.Store.explain(err)
	}
	_, err := fmt.Fprintf(s.out, "%s is up to date\n", c.Store)
	return err
}

// migrate blocks until the migrations are done.
func (c *migrateCmd) migrate(ctx context.Context, log *slog.Logger) error {
	if c.Store.isPostgres() {
		return postgres.Migrate(ctx, string(c.Store), log)
	}
	d, err := sqlite.Open(ctx, c.Store.path(), sqlite.Config{Config: driver.Config{Log: log}})
	if err != nil {
		return err
	}
	return d.Close()
}
