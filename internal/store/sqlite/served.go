package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// served is which store was served from a path. A database that is put there later is the same store if it has that id and that
// epoch. If it is another one, a number that a client has without an epoch may be of the store before it.
type served struct {
	Store string `json:"store,omitempty"` // its id; "" if that is not known
	// Since is an epoch that began with 0 in every room: the store's first one, or the last one that began because another store had
	// been served before. Copies that were made elsewhere, before that, lack it.
	Since string `json:"since,omitempty"`
}

// isServed reports whether a database is the store that was served. If not, it returns what it is served as from now on.
func isServed(ctx context.Context, q querier, before served) (bool, served, error) {
	var same bool
	row := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM store JOIN epochs ON epochs.id = ? WHERE store.id = ?)", before.Since, before.Store)
	if err := row.Scan(&same); err != nil {
		return false, served{}, fmt.Errorf("compare the store: %w", err)
	}
	if same {
		return true, before, nil
	}
	now, err := readServed(ctx, q)
	return false, now, err
}

// readServed returns what a database is served as, by what stands in it alone.
func readServed(ctx context.Context, q querier) (s served, err error) {
	const query = `SELECT id, coalesce((SELECT id FROM epochs WHERE number NOT IN (SELECT epoch FROM begins) ORDER BY number DESC LIMIT 1), '') FROM store`
	if err := q.QueryRowContext(ctx, query).Scan(&s.Store, &s.Since); err != nil {
		return served{}, fmt.Errorf("read which store it is: %w", err)
	}
	return s, nil
}

// served returns what a database that nobody has open was served as: what its mark says, or else what stands in the database. A
// database that is to begin with what there is, inPlace, proves nothing about itself. It is zero if that cannot be found out, also
// because the database is damaged.
func (f *file) served(ctx context.Context, inPlace bool) served {
	if m, err := f.readMarks(); err == nil && m != nil && m.Store != "" {
		return m.served
	}
	if inPlace {
		return served{}
	}
	access, _, err := f.belongs(ctx)
	if err != nil {
		return served{}
	}
	db, err := f.open(access, 0)
	if err != nil {
		return served{}
	}
	s, err := readServed(ctx, db)
	if errors.Join(err, db.Close()) != nil {
		return served{}
	}
	return s
}
