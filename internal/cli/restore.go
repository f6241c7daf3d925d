package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"restante/internal/audit"
	"restante/internal/store/sqlite"
)

type restoreCmd struct {
	dataFlags `embed:""`
	auditFlag `embed:""`
	File      string `arg:"" type:"path" placeholder:"FILE" help:"The backup, or any other database file of a server; '-' for standard input."`
}

// Help is the text of `restante restore --help` below the usage line.
func (restoreCmd) Help() string {
	return `Examples:

  restante restore /backup/restante-20260131T120000Z.db --data /var/lib/restante
      The server must be stopped. What was there before is kept in /var/lib/restante/before-restore-TIME/.

  restante restore /var/lib/restante/restante.db --data /var/lib/restante
      In place: begins with what there is, when a server refuses to start because files are missing or do not belong together.

  ssh old restante backup --data /var/lib/restante --to - | restante restore - --data /var/lib/restante
      From another machine.

The file is copied and the copy is checked whole before anything is changed. If it has its -wal file beside it, both are read. The file itself stays as it is. Then the copy takes the place of the database in one step, and a new epoch begins: clients that come back with a cursor from before are told so, and go on where the restored messages end.

You may interrupt the command at any time, and run it again.

Exit codes:
  0    the database is restored
  1    the file is damaged, or is no database of Restante; nothing was changed
  2    the command line is wrong
  3    the server runs, or a file cannot be read or written, or a disk is full
  130  interrupted`
}

const restoreAdvice = "Restore a dump with pg_restore into an empty database, or the server's files by the tool that saved them, while all " +
	"nodes are stopped. docs/operations.md, Backup of PostgreSQL, describes it"

// Run puts the backup in place.
func (c *restoreCmd) Run(ctx context.Context, s *streams) error {
	path, err := c.path(restoreAdvice)
	if err != nil {
		return err
	}
	event := audit.Event{What: audit.Admin, Action: "restore", Subject: c.File + " to " + path}
	return c.do(ctx, s, event, func() (int, error) { return 0, c.restore(ctx, s, path) })
}

// restore puts the backup into the place of the database at path.
func (c *restoreCmd) restore(ctx context.Context, s *streams, path string) error {
	begun := time.Now()
	r := &sqlite.Restoration{From: c.File, To: path}
	if c.File == "-" {
		if isTerminal(s.in) {
			return &exitError{exitUsage, errors.New("standard input is a terminal; name a file, or use a pipe")}
		}
		r.From, r.Input = "", io.Reader(untilDone{ctx, s.in})
	}
	var done sqlite.Restored
	err := withProgress(s, moving(r.Progress), func() (err error) {
		done, err = r.Run(ctx)
		return err
	})
	if err != nil {
		return filesOutcome(err, "run the same command again")
	}
	for _, note := range done.Notes {
		fmt.Fprintln(s.err, note)
	}
	fmt.Fprintf(s.out, "%s has %s, checked, in %v\n", path, contents(done.Contents), time.Since(begun).Round(time.Millisecond))
	if done.Before != "" {
		fmt.Fprintf(s.out, "What was there before is in %s; delete it when you no longer need it.\n", done.Before)
	}
	_, err = fmt.Fprintf(s.out, "Epoch %s has begun. Start the server now; clients notice by themselves that messages may be missing.\n", done.Epoch)
	return err
}
