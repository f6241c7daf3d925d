package driver

import (
	"fmt"
	"io/fs"
	"path"
	"runtime/debug"

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
			m := Migration{Version: len(all) + 1, Name: path.Base(name), Release: Release(), Script: string(script)}
			if _, err := fmt.Sscanf(m.Script, "-- oldest: %d\n", &m.Oldest); err != nil || m.Oldest < 1 || m.Oldest > m.Version {
				return nil, fmt.Errorf("migration %s does not begin with the line \"-- oldest: N\", N from 1 to %d", m.Name, m.Version)
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// CheckSchema returns nil if a binary that knows the given number of migrations may work with a database whose schema has
// a newer version. recorded is what the database records of the migrations that the binary does not know, ascending. The
// error is of class errs.Unavailable and says which version to run.
func CheckSchema(known, version int, recorded []Migration) error {
	oldest, last := 0, 0
	for _, m := range recorded {
		oldest, last = max(oldest, m.Oldest), m.Version
	}
	if last >= version && oldest <= known {
		return nil
	}
	release := ""
	for _, m := range recorded {
		if release == "" || m.Version <= oldest { // the version that brought oldest is enough
			release = m.Release
		}
	}
	if last < version || release == "" { // not a release that records what it does
		return &errs.Error{Code: errs.Unavailable, Msg: fmt.Sprintf(
			"the database needs a newer version of Restante (schema %d); this is schema %d: run the version that migrated it", version, known)}
	}
	return &errs.Error{Code: errs.Unavailable, Msg: fmt.Sprintf(
		"the database needs version %s (schema %d, oldest %d) of Restante or newer; this is schema %d: run that version", release, last, oldest, known)}
}

// Release returns the version of this binary, as `restante version` prints it.
func Release() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
