package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"restante/internal/audit"
	"restante/internal/errs"
	"restante/internal/store"
)

type copyCmd struct {
	From storeURL `required:"" placeholder:"URL" help:"The source store: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE."`
	To   storeURL `required:"" placeholder:"URL" help:"The target store. A SQLite file is created if it does not exist; a PostgreSQL database must exist."`

	auditFlag `embed:""`
}

// Help is the text of `restante copy --help` below the usage line.
func (copyCmd) Help() string {
	return `Examples:

  restante copy --from sqlite:/var/lib/restante/restante.db --to postgres://restante:secret@db/restante
      From one machine to many. Stop the server first; start the new servers when the copy is done.

  restante copy --from postgres://restante:secret@db/restante --to sqlite:/backup/restante.db
      Back to one machine, or into a backup file.

It copies everything: rooms, ids, numbers, times, and the identity of the store. So clients continue where they were, and a message that is sent again is recognized. You can interrupt the command at any time and run it again: it continues where it stopped. At the end it reads both stores and compares every message.

The target must be empty, or must have been filled by this command from the same source. Stop the servers that use the source: the copy may miss what they store meanwhile, and then the comparison at the end fails.

Exit codes:
  0    everything is in the target, and was compared
  1    the target has other messages, or the stores differ
  2    the command line is wrong
  3    a store could not be reached, or is in use
  130  interrupted`
}

// Run copies the messages and compares the stores.
func (c *copyCmd) Run(ctx context.Context, s *streams) (err error) {
	if c.From == c.To {
		return &exitError{exitUsage, errors.New("--from and --to are the same store")}
	}
	log := slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	from, err := c.From.openSource(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := c.To.open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	event := audit.Event{What: audit.Admin, Action: "copy", Subject: c.From.String() + " to " + c.To.String()}
	return c.do(ctx, s, event, func() (int, error) { return 0, c.outcome(c.copy(ctx, &store.Copy{From: from, To: to}, s)) })
}

func (c *copyCmd) copy(ctx context.Context, work *store.Copy, s *streams) error {
	start := time.Now()
	err := withProgress(s, copying("copying", work), func() error { return work.Run(ctx) })
	if err != nil {
		return err
	}
	done := work.Progress()
	fmt.Fprintf(s.err, "copied %d messages of %d rooms in %v; checking\n", done.Messages, done.Rooms, time.Since(start).Round(time.Millisecond))
	var contents store.Contents
	err = withProgress(s, copying("checking", work), func() (err error) {
		contents, err = work.Check(ctx)
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s and %s have the same %d messages of %d rooms, checksum %x\n",
		c.From, c.To, contents.Messages, contents.Rooms, contents.Checksum)
	return err
}

// outcome adds the exit code to an error.
func (c *copyCmd) outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return &exitError{exitInterrupted, errors.New("interrupted; run the same command again to continue")}
	case errs.CodeOf(err) == errs.Unavailable:
		return &exitError{exitUnavailable, fmt.Errorf("%w; run the same command again to continue", err)}
	}
	return err
}

// Intervals at which progress is shown.
const (
	showToPerson = 500 * time.Millisecond // the line is rewritten
	showInLog    = 10 * time.Second       // a line is added
)

// withProgress calls run, and meanwhile shows what describe says of the progress since the last call, which was so long ago.
func withProgress(s *streams, describe func(took time.Duration) string, run func() error) error {
	var showing sync.WaitGroup
	done := make(chan struct{})
	showing.Go(func() { show(s.err, isTerminal(s.err), describe, done) })
	err := run()
	close(done)
	showing.Wait()
	return err
}

// show prints the progress until done is closed.
func show(out io.Writer, terminal bool, describe func(took time.Duration) string, done <-chan struct{}) {
	every, begin, end := showInLog, "", "\n"
	if terminal {
		every, begin, end = showToPerson, "\r", "\x1b[K" // the end of the previous, longer line is erased
		defer fmt.Fprint(out, "\r\x1b[K")
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			fmt.Fprint(out, begin, describe(now.Sub(last)), end)
			last = now
		}
	}
}

// copying describes the progress of a copy.
func copying(what string, work *store.Copy) func(took time.Duration) string {
	before := work.Progress()
	return func(took time.Duration) string {
		p := work.Progress()
		text := what + ": " + rate(p, before, took)
		before = p
		return text
	}
}

// rate describes the progress, and the speed since before.
func rate(p, before store.Progress, took time.Duration) string {
	text := fmt.Sprintf("%d of %d rooms, %d of %d messages", p.RoomsDone, p.Rooms, p.MessagesDone, p.Messages)
	perSecond := float64(p.MessagesDone-before.MessagesDone) / took.Seconds()
	if perSecond <= 0 {
		return text
	}
	left := time.Duration(float64(p.Messages-p.MessagesDone) / perSecond * float64(time.Second))
	return fmt.Sprintf("%s, %.0f/s, %v left", text, perSecond, left.Round(time.Second))
}
