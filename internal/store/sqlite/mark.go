package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// marks is what stands in the file PATH.mark beside a database: which marks the database may have. A new mark is written here
// first (Next), then into the database, and becomes Present when it has reached the database file itself. So at every moment the
// mark in the database file, and the one that its -wal adds, are one of the two.
type marks struct {
	Present string `json:"present"`
	Next    string `json:"next,omitempty"`
	// Ends is why the epoch ends with Next: the database has ended it when it has that mark.
	Ends string `json:"ends,omitempty"`
	served
}

func (m *marks) has(mark string) bool {
	return m != nil && mark != "" && (mark == m.Present || mark == m.Next)
}

// pending reports whether a change of the mark has begun and is not known to have ended.
func (m *marks) pending() bool { return m != nil && m.Next != "" }

func markPath(path string) string { return path + ".mark" }

// readMarks returns what stands in the file of marks, nil if there is none.
func (f *file) readMarks() (*marks, error) {
	text, err := os.ReadFile(markPath(f.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // the absence of the file is a state
	}
	var m marks
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return nil, unusable(f.path, err, "the file %s cannot be read", markPath(f.path))
	}
	return &m, nil
}

// writeMarks replaces the file of marks: after a power cut it is the old or the new one.
func (f *file) writeMarks(m marks) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := markPath(f.path)
	if err := writeSynced(path+".new", append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeSynced(path string, content []byte) error {
	h, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = h.Write(content)
	if err == nil {
		err = h.Sync()
	}
	return errors.Join(err, h.Close())
}

// mark is what the table store says. It is zero in a new database, and in one of a schema without marks.
type mark struct {
	id     string
	closed bool
}

// readMark reads the mark of a database over connections of its own that write nothing, neither now nor when they are closed.
func (f *file) readMark(ctx context.Context, a access) (m mark, err error) {
	db, err := f.open(a, 0)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var app, tables int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&app); err != nil {
		return m, err
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'store'").Scan(&tables)
	if err != nil || app != applicationID || tables == 0 {
		return m, err
	}
	err = db.QueryRowContext(ctx, "SELECT mark, closed FROM store").Scan(&m.id, &m.closed)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return m, err
}

// origin is what an opened database needs to know of its files.
type origin struct {
	marks marks  // with Next: a change of the mark that has begun and must be ended first
	ends  string // why the epoch ends; "" if it goes on
}

// look compares the database file with its -wal and its marks before anything is read through the -wal, and returns an error if
// they do not belong together.
func (f *file) look(ctx context.Context) (origin, error) {
	s := files{path: f.path}
	var err error
	if s.beside, err = f.readMarks(); err != nil {
		return origin{}, err
	}
	size, err := sizeOf(f.path + "-wal")
	if err != nil {
		return origin{}, unusable(f.path, err, "the -wal of the database cannot be read")
	}
	s.wal = size > 0
	if size, err = sizeOf(f.path); err != nil {
		return origin{}, unusable(f.path, err, "the database file cannot be read")
	}
	s.empty = size == 0
	if s.main, err = f.readMark(ctx, alone); err != nil {
		if !s.wal {
			return origin{}, err
		}
		s.unread = true
	}
	if err := s.check(); err != nil {
		return origin{}, err
	}
	newest := s.main
	if s.wal {
		if newest, err = f.readMark(ctx, readOnly); err != nil {
			return origin{}, s.refuse(err, "%s-wal does not fit it, or it is damaged", f.path)
		}
		if (newest.id != "" || s.main.id != "") && !s.beside.has(newest.id) {
			return origin{}, s.foreignWAL()
		}
	}
	return s.origin(newest), nil
}

// sizeOf returns the size of a file, 0 if it does not exist.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// files is what stands on the disk before a database is opened.
type files struct {
	path   string
	empty  bool   // the database file is
	main   mark   // in the database file alone, without its -wal
	unread bool   // the database file alone cannot be read: it was being written when the process or the machine stopped
	wal    bool   // there is a -wal with content
	beside *marks // nil if there is no file of marks
}

// check returns an error if the files do not belong together, or lack one. What the -wal adds is compared later.
func (s *files) check() error {
	known := s.beside.has(s.main.id)
	switch {
	case s.empty && s.wal:
		return s.refuse(nil, "it is empty, but there is %s-wal: put the database file back, or move %[1]s-wal away to begin with an empty one", s.path)
	case s.unread, s.main.id == "":
		return nil
	case s.wal && s.main.closed && !s.beside.pending(), s.wal && !known:
		return s.foreignWAL()
	case !s.wal && !s.main.closed:
		return s.refuse(nil, "it comes without %s-wal, which has the newest messages: put that back beside it, with %[1]s.mark", s.path)
	default:
		return nil
	}
}

// origin returns how an opened database goes on, given the mark that stands in it when it is read with its -wal.
func (s *files) origin(newest mark) origin {
	switch {
	case s.beside == nil && newest.id == "":
		return origin{}
	case s.beside == nil:
		return origin{marks{Present: newest.id}, "the database file came without " + filepath.Base(markPath(s.path)) + ", so nobody knows whether it is the newest"}
	case newest.id == s.beside.Present:
		return origin{*s.beside, s.beside.Ends}
	case s.beside.has(newest.id):
		return origin{marks{Present: s.beside.Present, Next: newest.id, served: s.beside.served}, ""}
	case newest.id == "":
		return origin{marks{served: s.beside.served}, "a database file without a mark, new or of an earlier version, was put in place"}
	default:
		return origin{marks{Present: newest.id, served: s.beside.served}, "another copy of the database file was put in place"}
	}
}

func (s *files) foreignWAL() error {
	return s.refuse(nil, "%s-wal is not known to be of this database file: put the -wal and the .mark that belong to it back beside it", s.path)
}

// refuse is the error of files that do not belong together. It names two ways on.
func (s *files) refuse(cause error, format string, args ...any) error {
	return unusable(s.path, cause, "the database is not opened: %s; or begin with what there is: restante restore %s --data %s",
		fmt.Sprintf(format, args...), s.path, filepath.Dir(s.path))
}
