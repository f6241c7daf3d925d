package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"restante/internal/errs"
	"restante/internal/revocation"
	"restante/internal/store/driver"
)

// Restoration puts a copy of a database file in the place of the database of a server that is stopped, and begins a new epoch in it.
//
// A process that is killed meanwhile leaves the old state, until the copy is complete and gets the name of the database in one
// step; after that the new one. Between this step and the next one, the -wal of the old state may still stand beside: then
// Open refuses, and another Restoration mends that.
type Restoration struct {
	From  string    // path of the file, which may be that of the database itself; "": Input is read
	Input io.Reader // the content of the file
	To    string    // path of the database; its directory is made if missing

	progress progress
	at       func(step string) error             // tests stop the work here; nil: nothing
	link     func(oldname, newname string) error // nil: os.Link
}

// Restored is what a Restoration has done.
type Restored struct {
	Contents
	// Epoch is the id of the epoch that has begun. If the file is of the store that it replaces, the rooms began it with their last
	// numbers. If it is of another one, or nothing was there to compare it with, they began it with 0: then every
	// older cursor reads from the beginning.
	Epoch  string
	Before string   // the directory that has what was there before; "" if there was nothing
	Notes  []string // what the operator should know of the file: sentences
}

// Progress may be called at any time, also while Run is running.
func (r *Restoration) Progress() Progress { return r.progress.load() }

// Run copies the file beside the database, checks the copy whole, keeps what was there in a new directory before-restore-TIME,
// and puts the copy in its place. The file itself is not changed. It blocks until that is done, ctx is done or something fails.
// Errors are classified and name the file: Unavailable with ErrInUse when a server has the database open, Unavailable when a disk is
// full, a file cannot be read or written, or needs a newer version, Internal when the file is damaged. Up to the step that
// puts the copy in place, an error or a kill leaves the old state as it was.
func (r *Restoration) Run(ctx context.Context) (Restored, error) {
	var from backupFile
	if r.From != "" {
		var err error
		if from, err = readable(ctx, r.From); err != nil {
			return Restored{}, err
		}
	}
	_, err := os.Lstat(r.To)
	missing := errors.Is(err, os.ErrNotExist)
	f, err := openFile(r.To)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	done, err := r.restore(ctx, f, from)
	if err != nil && missing {
		err = errors.Join(err, removeEmpty(f.path))
	}
	return done, errors.Join(err, f.close())
}

// removeEmpty deletes the file that locking has created.
func removeEmpty(path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() > 0 {
		return err
	}
	return removeFile(path)
}

func (r *Restoration) restore(ctx context.Context, f *file, from backupFile) (done Restored, err error) {
	fresh := &file{path: f.path + ".restoring"}
	if err := removeDatabase(fresh.path); err != nil { // of a process that was killed
		return done, unusable(fresh.path, err, "the file cannot be removed")
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDatabase(fresh.path))
		}
	}()
	inPlace := from.file != nil && from.file.path == f.path
	m, done, err := r.prepare(ctx, fresh, from, f.served(ctx, inPlace), f.revoked(ctx, inPlace))
	if err != nil {
		return done, err
	}
	if err := r.step("checked"); err != nil {
		return done, err
	}
	if done.Before, err = r.keep(f); err != nil {
		return done, unusable(f.path, err, "what is there cannot be kept")
	}
	if err := r.step("kept"); err != nil {
		return done, err
	}
	if err := r.place(f, fresh, m); err != nil {
		return done, unusable(f.path, err, "the restored file cannot be put in place")
	}
	return done, nil
}

// prepare makes the new database, complete and checked, and returns its marks. before is the store that it replaces.
func (r *Restoration) prepare(
	ctx context.Context, fresh *file, from backupFile, before served, revoked []revocation.Entry,
) (m marks, done Restored, err error) {
	r.progress.begin("copying")
	reason := "restored from standard input"
	if r.From != "" {
		reason = "restored from " + from.file.path
	}
	if err := r.fill(ctx, fresh, from); err != nil {
		return m, done, err
	}
	if err := r.step("copied"); err != nil {
		return m, done, err
	}
	r.progress.begin("checking")
	if m, done.Epoch, err = fresh.renew(ctx, reason, before, revoked); err != nil {
		return m, done, err
	}
	if err := r.step("renewed"); err != nil {
		return m, done, err
	}
	if done.Contents, err = Verify(ctx, fresh.path); err != nil {
		return m, done, err
	}
	done.Notes = from.notes
	return m, done, errors.Join(syncFile(fresh.path), ownLike(fresh.path, filepath.Dir(fresh.path)))
}

// fill copies the file, or the input.
func (r *Restoration) fill(ctx context.Context, fresh *file, from backupFile) error {
	h, err := os.OpenFile(fresh.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return writeError(fresh.path, err)
	}
	to := &partial{path: fresh.path, file: h}
	if r.From == "" {
		err = r.receive(to)
	} else {
		err = from.copyTo(ctx, to, r)
	}
	return errors.Join(err, h.Close())
}

// renew ends the epoch in a copy that replaces a store, and gets the tables of this version if it lacks some. It returns the copy's
// marks and its epoch, and leaves the copy closed, as one file. What was revoked in the store that it replaces stays revoked.
func (f *file) renew(ctx context.Context, reason string, before served, revoked []revocation.Entry) (_ marks, epoch string, err error) {
	defer func() { err = errors.Join(err, removeFile(markPath(f.path)), removeFile(f.path+".lock")) }()
	if err := f.writeMarks(marks{served: before}); err != nil {
		return marks{}, "", writeError(markPath(f.path), err)
	}
	d, err := Open(ctx, f.path, Config{Restored: reason, Readers: 1, Config: driver.Config{Log: slog.New(slog.DiscardHandler)}})
	if err != nil {
		return marks{}, "", err
	}
	e, err := d.Epoch()
	if err = errors.Join(err, d.Revoke(ctx, revoked), d.Close()); err != nil {
		return marks{}, "", err
	}
	m, err := f.readMarks()
	if err != nil || m.pending() {
		return marks{}, "", errors.Join(err, fmt.Errorf("database file %s: its mark was not written", f.path))
	}
	return *m, e.ID, nil
}

func syncFile(path string) error {
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := h.Sync(); err != nil {
		return errors.Join(unusable(path, err, "the disk does not write"), h.Close())
	}
	return h.Close()
}

// receive writes the input to the file.
func (r *Restoration) receive(to *partial) error {
	header := make([]byte, 100)
	n, err := io.ReadFull(r.Input, header)
	switch {
	case n == 0 && errors.Is(err, io.EOF):
		return &errs.Error{Code: errs.Invalid, Msg: "the input is empty: what should write it has failed"}
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read the input: %w", err)
	case !isHeader(header[:n]):
		return &errs.Error{Code: errs.Invalid, Msg: "the input is no database of Restante"}
	}
	if _, err := to.file.Write(header); err != nil {
		return writeError(to.path, err)
	}
	_, err = io.Copy(counting{to, &r.progress}, r.Input)
	return err
}

// isHeader reports whether bytes are the beginning of a database of Restante.
func isHeader(b []byte) bool {
	const magic, id = "SQLite format 3\x00", 68 // where the application id stands
	return len(b) == 100 && string(b[:len(magic)]) == magic &&
		b[id] == applicationID>>24 && b[id+1] == applicationID>>16&0xff && b[id+2] == applicationID>>8&0xff && b[id+3] == applicationID&0xff
}

// counting writes to a file and tells the progress.
type counting struct {
	to *partial
	p  *progress
}

func (c counting) Write(b []byte) (int, error) {
	n, err := c.to.file.Write(b)
	c.p.done.Add(int64(n))
	if err != nil {
		return n, writeError(c.to.path, err)
	}
	return n, nil
}

func writeError(path string, err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return unusable(path, err, "the disk is full")
	}
	return unusable(path, err, "the file cannot be written")
}

// companions are the files that belong to a database, by what their names add to its name. The lock is not among them.
var companions = []string{"-wal", "-shm", "-journal", ".mark"}

// keep gives what is there a second name in a new directory, and returns that directory, or "" if there is nothing.
func (r *Restoration) keep(f *file) (string, error) {
	var names []string
	for _, suffix := range append([]string{""}, companions...) {
		if info, err := os.Stat(f.path + suffix); err == nil && info.Size() > 0 {
			names = append(names, f.path+suffix)
		}
	}
	if len(names) == 0 {
		return "", nil
	}
	dir, err := newDir(filepath.Join(filepath.Dir(f.path), "before-restore-"+time.Now().UTC().Format("20060102T150405Z")))
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := r.second(name, filepath.Join(dir, filepath.Base(name))); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir)) // everything in it still has its first name
		}
	}
	return dir, errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)), ownLike(dir, filepath.Dir(dir)))
}

// newDir makes a directory of this name, or with a number after it if that exists.
func newDir(name string) (string, error) {
	dir := name
	for i := 2; ; i++ {
		err := os.Mkdir(dir, 0o700)
		if !errors.Is(err, os.ErrExist) {
			return dir, err
		}
		dir = fmt.Sprintf("%s-%d", name, i)
	}
}

// second gives a file another name. Where the file system has no hard links, it copies the file.
func (r *Restoration) second(oldname, newname string) error {
	link := r.link
	if link == nil {
		link = os.Link
	}
	if link(oldname, newname) == nil {
		return nil
	}
	from, err := os.Open(oldname)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(newname, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Sync(), to.Close(), ownLike(newname, filepath.Dir(oldname)))
}

// place puts the new database in the place of the old one, whose companions go.
func (r *Restoration) place(f, fresh *file, m marks) error {
	dir := filepath.Dir(f.path)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"placed", func() error { return errors.Join(os.Rename(fresh.path, f.path), syncDir(dir)) }},
		{"alone", func() error { return errors.Join(removeCompanions(f.path), syncDir(dir)) }},
		{"marked", func() error { return f.writeMarks(m) }},
		{"done", func() error { return errors.Join(ownLike(markPath(f.path), dir), ownLike(f.path+".lock", dir)) }},
	} {
		if err := step.do(); err != nil {
			return err
		}
		if err := r.step(step.name); err != nil {
			return err
		}
	}
	return nil
}

// step tells a test how far the work is.
func (r *Restoration) step(name string) error {
	if r.at == nil {
		return nil
	}
	return r.at(name)
}
