package driver

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"restante/internal/build"
	"restante/internal/errs"
)

// Migration is one step of a database's schema: a file of SQL, and the row of the table migrations that records it. The
// version of a schema is the number of migrations that were applied.
type Migration struct {
	Version int    // 1, 2, 3, …
	Name    string // of the file
	Oldest  int    // how many migrations a binary must know at least to work with the result
	Release string // the version of Restante that applied it; empty when that was not recorded
	Script  string // empty in what was read from a database
}

// Migrations returns the migrations of a driver: the files DIRECTORY/*.sql of each file system, in the order of their names.
// Each file begins with the line "-- oldest: N", which is Migration.Oldest.
func Migrations(files []fs.FS) ([]Migration, error) {
	var all []Migration
	for _, f := range files {
		names, err := fs.Glob(f, "*/*.sql")
		if err != nil {
			return nil, fmt.Errorf("list migrations: %w", err)
		}
		for _, name := range names {
			script, err := fs.ReadFile(f, name)
			if err != nil {
				return nil, fmt.Errorf("read migration: %w", err)
			}
			m := Migration{Version: len(all) + 1, Name: path.Base(name), Release: build.Version(), Script: string(script)}
			if _, err := fmt.Sscanf(m.Script, "-- oldest: %d\n", &m.Oldest); err != nil || m.Oldest < 1 || m.Oldest > m.Version {
				return nil, fmt.Errorf("migration %s does not begin with the line \"-- oldest: N\", N from 1 to %d", m.Name, m.Version)
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// CheckSchema returns nil if a binary that knows the given number of migrations may work with a database whose schema has
// the given version. recorded is what the database records of the migrations that the binary does not know, ascending. The
// error is of class errs.Unavailable and says which version to run.
func CheckSchema(known, version int, recorded []Migration) error {
	oldest, last := 0, 0
	for _, m := range recorded {
		oldest, last = max(oldest, m.Oldest), m.Version
	}
	if version <= known || last >= version && oldest <= known {
		return nil
	}
	release := ""
	for _, m := range recorded {
		if release == "" || m.Version <= oldest { // the version that applied the migration oldest is new enough
			release = m.Release
		}
	}
	if last < version || release == "" { // the database does not record which version migrated it
		return needsNewerVersion(
			"the database needs a newer version of Restante (schema %d); this is schema %d: run the version that migrated it", version, known)
	}
	return needsNewerVersion(
		"the database needs version %s (schema %d, oldest %d) of Restante or newer; this is schema %d: run that version", release, last, oldest, known)
}

// newerVersionError is the error of CheckSchema and CheckSwitches, of class errs.Unavailable.
type newerVersionError struct{ error }

// Unwrap returns the classified error.
func (e *newerVersionError) Unwrap() error { return e.error }

func needsNewerVersion(format string, args ...any) error {
	return &newerVersionError{&errs.Error{Code: errs.Unavailable, Msg: fmt.Sprintf(format, args...)}}
}

// NeedsNewerVersion reports whether err says that only a newer version of Restante may use the database. Waiting does not
// help then: the node must end.
func NeedsNewerVersion(err error) bool {
	_, ok := errors.AsType[*newerVersionError](err)
	return ok
}
