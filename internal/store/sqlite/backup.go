package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"restante/internal/errs"
)

// Contents is what a database file holds.
type Contents struct {
	Rooms, Messages int64
	Bytes           int64 // size of the file
}

// Backup copies a database file while a server uses it, at any rate of writes. It reads one snapshot, which has every message
// that was accepted before Run was called. It does not take the server's lock, and it never writes to the source.
type Backup struct {
	From string // path of the database file
	To   string // path of the backup, which must not exist

	progress progress
	at       func(step string) error // tests stop the work here; nil: nothing
}

// Progress is how far a Backup or a Restoration is.
type Progress struct {
	Doing       string // "copying", "checking"
	Done, Total int64  // bytes copied; 0 of 0 while nothing is copied
}

type progress struct {
	doing       atomic.Pointer[string]
	done, total atomic.Int64
}

func (p *progress) begin(doing string) {
	p.done.Store(0)
	p.total.Store(0)
	p.doing.Store(&doing)
}

func (p *progress) load() Progress {
	doing := ""
	if d := p.doing.Load(); d != nil {
		doing = *d
	}
	return Progress{doing, p.done.Load(), p.total.Load()}
}

// Progress may be called at any time, also while Run is running.
func (b *Backup) Progress() Progress { return b.progress.load() }

// Run writes the backup to To with ".partial" appended, checks it whole, syncs it and gives it its name. It blocks until that is
// done, ctx is done or something fails; then the partial file is removed. Errors are classified, and name the file: Conflict
// when To exists, Unavailable when a disk is full or a file cannot be read or written, Internal when the source is damaged.
func (b *Backup) Run(ctx context.Context) (Contents, error) {
	if info, err := os.Stat(b.From); err != nil || !info.Mode().IsRegular() {
		return Contents{}, unusable(b.From, err, "there is no such database file")
	}
	partial, err := newPartial(b.To)
	if err != nil {
		return Contents{}, err
	}
	var held Contents
	err = quietly(func() (err error) {
		held, err = b.fill(ctx, partial)
		return err
	})
	if err != nil {
		return Contents{}, errors.Join(err, partial.remove())
	}
	return held, partial.publish(b.To)
}

// fill copies, marks, checks and syncs.
func (b *Backup) fill(ctx context.Context, to *partial) (Contents, error) {
	b.progress.begin("copying")
	from, err := openSource(ctx, b.From, readOnly)
	if err != nil {
		return Contents{}, err
	}
	if err = from.check(ctx); err == nil {
		err = from.complete(ctx)
	}
	if err == nil {
		err = from.copyTo(ctx, to, pacing{rest: true, step: b.step}, &b.progress)
	}
	if err = errors.Join(err, from.close()); err != nil {
		return Contents{}, err
	}
	if err := to.seal(ctx); err != nil {
		return Contents{}, err
	}
	if err := b.step("copied"); err != nil {
		return Contents{}, err
	}
	b.progress.begin("checking")
	held, err := Verify(ctx, to.path)
	return held, errors.Join(err, to.sync())
}

// step tells a test how far the work is.
func (b *Backup) step(name string) error {
	if b.at == nil {
		return nil
	}
	return b.at(name)
}

// quietly calls do on a thread that has the lowest priority for the processor and the disk, where the system has such a thing, so
// that a server beside it keeps its speed. It blocks until do returns.
func quietly(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // it is never unlocked, so the thread ends with the goroutine, and its priority with it
		lowerPriority()
		done <- do()
	}()
	return <-done
}

// partial is a backup that is not complete. It is private to its owner, as messages are.
type partial struct {
	path string
	file *os.File
}

// newPartial creates the file in which the backup "to" is made.
func newPartial(to string) (*partial, error) {
	if _, err := os.Lstat(to); err == nil {
		return nil, &errs.Error{Code: errs.Conflict, Msg: to + " exists already, and is not overwritten"}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(to, err, "the backup cannot be written")
	}
	path := to + ".partial"
	f, err := openPartial(path)
	if err != nil {
		return nil, err
	}
	return &partial{path: path, file: f}, nil
}

// seal makes the copy a closed database with a mark of its own. A copy of a schema without marks stays as it is.
func (p *partial) seal(ctx context.Context) error {
	f := &file{path: p.path}
	if m, err := f.readMark(ctx, alone); err != nil || m.id == "" {
		return f.classify(err)
	}
	return Seal(ctx, p.path)
}

func (p *partial) sync() error {
	if err := p.file.Sync(); err != nil {
		return unusable(p.path, err, "the disk does not write")
	}
	return nil
}

// publish gives the file its name.
func (p *partial) publish(to string) error {
	if !locksPartial {
		p.file.Close() // it is synced; some systems do not rename a file that is open
	}
	if _, err := os.Lstat(to); err == nil {
		return errors.Join(&errs.Error{Code: errs.Conflict, Msg: to + " was created meanwhile, and is not overwritten"}, p.remove())
	}
	if err := os.Rename(p.path, to); err != nil {
		return errors.Join(unusable(to, err, "the backup cannot get its name"), p.remove())
	}
	p.file.Close()
	return syncDir(filepath.Dir(to))
}

// remove deletes the file and what SQLite has put beside it.
func (p *partial) remove() error {
	if !locksPartial {
		p.file.Close() // some systems do not delete a file that is open
	}
	err := removeDatabase(p.path)
	p.file.Close()
	return err
}

// removeDatabase deletes a database file and what SQLite has put beside it, as far as they exist.
func removeDatabase(path string) error { return errors.Join(removeFile(path), removeCompanions(path)) }

func removeCompanions(path string) error {
	return errors.Join(removeFile(path+"-wal"), removeFile(path+"-shm"), removeFile(path+"-journal"))
}

// removeFile deletes a file if it exists.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// pacing says how fast pages are copied.
type pacing struct {
	rest bool                    // rest after each step for as long as it took
	step func(name string) error // called after each step; nil: nothing
}

// maxRest bounds the rest after a step that took long, such as one in which the computer slept.
const maxRest = time.Second

// after is called after each step.
func (p pacing) after(ctx context.Context, took time.Duration) error {
	if p.step != nil {
		if err := p.step("copying"); err != nil {
			return err
		}
	}
	if !p.rest {
		return ctx.Err()
	}
	t := time.NewTimer(min(took, maxRest))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// megabytes describes a size.
func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
