package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"restante/internal/audit"
	"restante/internal/config"
	"restante/internal/errs"
	"restante/internal/store/sqlite"
)

// dataFlags say which database of one machine a command works on. They are those of serve.
type dataFlags struct {
	Data  string   `env:"RESTANTE_DATA" placeholder:"DIR" type:"path" help:"Directory of the server's data, as for serve."`
	Store storeURL `env:"RESTANTE_STORE" placeholder:"URL" help:"The store, as for serve: sqlite:PATH (default sqlite:DATA/restante.db)."`
}

// path returns the path of the database file. It returns an error with the given advice when the store is PostgreSQL.
func (f dataFlags) path(advice string) (string, error) {
	if f.Store.isPostgres() {
		return "", fmt.Errorf("%s is PostgreSQL, which has better tools for that. %s", f.Store, advice)
	}
	return config.Config{Data: f.Data, Store: string(f.Store)}.Complete().StorePath(), nil
}

type backupCmd struct {
	dataFlags `embed:""`
	auditFlag `embed:""`
	To        string `placeholder:"FILE" type:"path" help:"Where the backup is written; '-' for standard output. Default: restante-TIME.db in the working directory, or in the directory that is named here."`
}

// Help is the text of `restante backup --help` below the usage line.
func (backupCmd) Help() string {
	return `Examples:

  restante backup --data /var/lib/restante
      Into the working directory, as restante-20260131T120000Z.db.

  restante backup --data /var/lib/restante --to /backup/
      The same, in a directory. A file that exists is never overwritten.

  restante backup --data /var/lib/restante --to - | ssh host 'cat > restante.db'
      Into a pipe. The backup is complete only if this command ends with exit code 0 (bash: set -o pipefail).

The server may run, at any load. The backup has everything that was accepted before this command began. It is one file, which was read back and checked whole. It takes turns with the server and has the lowest priority. While it copies, the server's file restante.db-wal grows by what is written meanwhile.

With standard output the backup is first made in a temporary file, in $TMPDIR if that is set, or else beside the database.

Exit codes:
  0    the backup is complete and was checked
  1    the backup failed, or FILE exists
  2    the command line is wrong
  3    a file cannot be read or written, or a disk is full
  130  interrupted`
}

const backupAdvice = "For a small one: pg_dump -Fc -n restante. To lose nothing: pg_basebackup and an archive of the write-ahead log, " +
	"or the snapshots of your provider. docs/operations.md, Backup of PostgreSQL, describes it"

// backupTime is how the default name of a backup says the time.
const backupTime = "20060102T150405Z"

// Run makes the backup.
func (c *backupCmd) Run(ctx context.Context, s *streams) error {
	path, err := c.path(backupAdvice)
	if err != nil {
		return err
	}
	event := audit.Event{What: audit.Admin, Action: "backup", Subject: path}
	return c.do(ctx, s, event, func() (int, error) { return 0, c.backup(ctx, s, path) })
}

// backup makes the backup, and says where it is.
func (c *backupCmd) backup(ctx context.Context, s *streams, path string) error {
	if c.To == "-" {
		return filesOutcome(c.stream(ctx, s, path), "no backup was made")
	}
	to, err := c.target()
	if err != nil {
		return err
	}
	held, took, err := makeBackup(ctx, s, path, to)
	if err != nil {
		return filesOutcome(err, "no backup was made")
	}
	_, err = fmt.Fprintf(s.out, "%s has %s, checked, in %v\n", to, contents(held), took)
	return err
}

// target returns the name of the backup.
func (c *backupCmd) target() (string, error) {
	name := "restante-" + time.Now().UTC().Format(backupTime) + ".db"
	if c.To == "" {
		return filepath.Abs(name)
	}
	if info, err := os.Stat(c.To); err == nil && info.IsDir() {
		return filepath.Join(c.To, name), nil
	}
	return c.To, nil
}

// stream makes the backup in a temporary file and writes it to standard output when it was checked.
func (c *backupCmd) stream(ctx context.Context, s *streams, path string) (err error) {
	if isTerminal(s.out) {
		return &exitError{exitUsage, errors.New("standard output is a terminal; name a file with --to FILE, or use a pipe")}
	}
	temp := filepath.Dir(path)
	if os.Getenv("TMPDIR") != "" {
		temp = os.TempDir()
	}
	dir, err := os.MkdirTemp(temp, "restante-backup-")
	if err != nil {
		return fmt.Errorf("temporary file of the backup (TMPDIR chooses where it is): %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	to := filepath.Join(dir, "restante.db")
	held, took, err := makeBackup(ctx, s, path, to)
	if err != nil {
		return err
	}
	f, err := os.Open(to)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(s.out, untilDone{ctx, f}); err != nil {
		if errors.Is(err, syscall.EPIPE) { // it is no error of other commands
			return errors.New("the program that reads the pipe has ended before it had the whole backup")
		}
		return err
	}
	fmt.Fprintf(s.err, "wrote %s, checked, in %v\n", contents(held), took)
	return nil
}

// untilDone reads until a context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}

func makeBackup(ctx context.Context, s *streams, from, to string) (sqlite.Contents, time.Duration, error) {
	begun := time.Now()
	b := &sqlite.Backup{From: from, To: to}
	var held sqlite.Contents
	err := withProgress(s, moving(b.Progress), func() (err error) {
		held, err = b.Run(ctx)
		return err
	})
	return held, time.Since(begun).Round(time.Millisecond), err
}

// moving describes the progress of a backup or a restore.
func moving(progress func() sqlite.Progress) func(took time.Duration) string {
	before := progress()
	return func(took time.Duration) string {
		p := progress()
		text := moved(p, before, took)
		before = p
		return text
	}
}

// moved describes the progress p, and the speed since before.
func moved(p, before sqlite.Progress, took time.Duration) string {
	if p.Done == 0 {
		return p.Doing
	}
	text := fmt.Sprintf("%s: %.1f MB", p.Doing, float64(p.Done)/1e6)
	if p.Total > 0 {
		text = fmt.Sprintf("%s: %.1f of %.1f MB", p.Doing, float64(p.Done)/1e6, float64(p.Total)/1e6)
	}
	perSecond := float64(p.Done-before.Done) / took.Seconds()
	if perSecond <= 0 || p.Doing != before.Doing {
		return text
	}
	text += fmt.Sprintf(", %.1f MB/s", perSecond/1e6)
	if p.Total == 0 {
		return text
	}
	left := time.Duration(float64(p.Total-p.Done) / perSecond * float64(time.Second))
	return fmt.Sprintf("%s, %v left", text, left.Round(time.Second))
}

func contents(c sqlite.Contents) string {
	return fmt.Sprintf("%d rooms, %d messages, %.1f MB", c.Rooms, c.Messages, float64(c.Bytes)/1e6)
}

// filesOutcome adds the exit code to an error of a command that works on files.
func filesOutcome(err error, interrupted string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return &exitError{exitInterrupted, errors.New("interrupted; " + interrupted)}
	case errors.Is(err, sqlite.ErrInUse):
		return &exitError{exitUnavailable, fmt.Errorf("%w; stop the server that uses it, and try again", err)}
	case errs.CodeOf(err) == errs.Unavailable:
		return &exitError{exitUnavailable, err}
	}
	return err
}
