package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// backupFile is a file that is to be restored.
type backupFile struct {
	file   *file
	access access   // how it is read
	notes  []string // what that leaves out: sentences
}

// readable finds out how a file is read, and whether this version can use it. It does not change the file.
func readable(ctx context.Context, path string) (backupFile, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return backupFile{}, unusable(path, err, "there is no such database file")
	}
	if path, err = filepath.Abs(path); err != nil {
		return backupFile{}, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // SQLite looks for the -wal beside the file itself
	}
	r := backupFile{file: &file{path: path}}
	if r.access, r.notes, err = r.file.belongs(ctx); err != nil {
		return r, err
	}
	s, err := openSource(ctx, path, r.access)
	if err != nil {
		return r, err
	}
	return r, errors.Join(s.check(ctx), s.close())
}

// belongs decides whether a file is read with the -wal beside it.
func (f *file) belongs(ctx context.Context) (access, []string, error) {
	size, err := sizeOf(f.path + "-wal")
	if err != nil {
		return "", nil, unusable(f.path, err, "the -wal of the file cannot be read")
	}
	beside, err := f.readMarks()
	if err != nil {
		beside = nil // the file itself, and the check of the copy, must do
	}
	main, err := f.readMark(ctx, alone)
	if size == 0 {
		if err == nil && main.id != "" && !main.closed {
			return alone, []string{f.path + " was in use when it was copied, and comes without its -wal: what was in that is missing."}, nil
		}
		return alone, nil, nil
	}
	foreign := []string{f.path + "-wal does not belong to " + f.path + ", and was not read."}
	switch {
	case err != nil, main.id == "":
		return readOnly, nil, nil // a process was killed while it wrote the file, or the file is older than marks
	case main.closed && !beside.pending(), beside != nil && !beside.has(main.id):
		return alone, foreign, nil
	}
	if beside == nil {
		return readOnly, nil, nil
	}
	if newest, err := f.readMark(ctx, readOnly); err == nil && !beside.has(newest.id) {
		return alone, foreign, nil
	}
	return readOnly, nil, nil
}

// copyTo copies the file.
func (r backupFile) copyTo(ctx context.Context, to *partial, work *Restoration) error {
	s, err := openSource(ctx, r.file.path, r.access)
	if err != nil {
		return err
	}
	return errors.Join(s.copyTo(ctx, to, pacing{step: work.step}, &work.progress), s.close())
}
