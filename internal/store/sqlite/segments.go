package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	sqlite3 "modernc.org/sqlite/lib"

	"restante/internal/store/idfilter"
)

const (
	selectNextText = "SELECT max(coalesce((SELECT max(number) FROM texts), 0), removed_text) + 1 FROM store"
	selectFilters  = "SELECT segment, bits FROM filters WHERE segment < ? ORDER BY segment"
	selectIDs      = "SELECT id FROM messages INDEXED BY messages_once WHERE text >> 17 = ?"
	insertFilter   = "INSERT OR REPLACE INTO filters (segment, bits) VALUES (?, ?)"
)

// segments says in which segments of the texts the id of a message may stand. Only the writer uses it.
type segments struct {
	number  int                      // of the present segment, which the next text belongs to
	present *idfilter.Filter         // of the present segment; nil if its ids cannot be read: then it perhaps has every id
	known   *idfilter.Set            // the filters of those before it
	unsaved map[int]*idfilter.Filter // those of them that the table lacks
	turned  bool                     // the transaction in progress has begun a segment
}

// loadSegments reads the filters of a store whose next text has the given number. Those that are missing or damaged, and
// that of the present segment, are built from the index.
func loadSegments(ctx context.Context, q querier, next int64) (*segments, error) {
	s := &segments{number: idfilter.SegmentOf(next), known: &idfilter.Set{}, unsaved: map[int]*idfilter.Filter{}}
	found, err := readFilters(ctx, q, s.number)
	if err != nil {
		return nil, err
	}
	for segment := range s.number {
		f := found[segment]
		if f == nil {
			if f, err = buildFilter(ctx, q, segment); err != nil {
				return nil, err
			}
			if f == nil {
				continue
			}
			s.unsaved[segment] = f
		}
		s.known.Put(segment, f)
		delete(found, segment)
	}
	s.present, err = buildFilter(ctx, q, s.number)
	return s, err
}

// readFilters returns the filters of the segments below the given one, as far as the table has them undamaged.
func readFilters(ctx context.Context, q querier, below int) (found map[int]*idfilter.Filter, err error) {
	rows, err := q.QueryContext(ctx, selectFilters, below)
	if err != nil {
		return nil, fmt.Errorf("read filters: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found = map[int]*idfilter.Filter{}
	for rows.Next() {
		var segment int
		var bits sql.RawBytes
		if err := rows.Scan(&segment, &bits); err != nil {
			return nil, fmt.Errorf("read filters: %w", err)
		}
		if f, err := idfilter.Parse(segment, bits); err == nil {
			found[segment] = f
		}
	}
	return found, rows.Err()
}

// buildFilter builds the filter of a segment from the index. It returns nil if a page of the index is damaged: then only the messages
// that need this page fail, and not the whole store.
func buildFilter(ctx context.Context, q querier, segment int) (*idfilter.Filter, error) {
	f, err := readIDs(ctx, q, segment)
	if result(err)&0xff == sqlite3.SQLITE_CORRUPT {
		return nil, nil //nolint:nilnil // that it cannot be known is an answer
	}
	return f, err
}

func readIDs(ctx context.Context, q querier, segment int) (f *idfilter.Filter, err error) {
	rows, err := q.QueryContext(ctx, selectIDs, segment)
	if err != nil {
		return nil, fmt.Errorf("read the ids of a segment: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	f = &idfilter.Filter{}
	var id sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read the ids of a segment: %w", err)
		}
		if len(id) != 16 {
			return nil, damagedID(id)
		}
		f.Add((*[16]byte)(id))
	}
	return f, rows.Err()
}

// perhaps appends the segments that perhaps have an id to dst.
func (s *segments) perhaps(id *[16]byte, dst []int) []int {
	dst = s.known.Perhaps(id, s.number, dst)
	if s.present == nil || s.present.Perhaps(id) {
		dst = append(dst, s.number)
	}
	return dst
}

// add notes the id of the text with a number. If that begins a segment, the filter of the one before is due to be saved.
func (s *segments) add(number int64, id *[16]byte) {
	if n := idfilter.SegmentOf(number); n != s.number {
		if s.present != nil {
			s.known.Put(s.number, s.present)
			s.unsaved[s.number] = s.present
		}
		s.number, s.present, s.turned = n, &idfilter.Filter{}, true
	}
	if s.present != nil {
		s.present.Add(id)
	}
}

// save writes the filters that the table lacks, in the transaction in progress.
func (s *segments) save(ctx context.Context, insert func(ctx context.Context, args ...any) error) error {
	for segment, f := range s.unsaved {
		if err := insert(ctx, segment, f.Encode(segment)); err != nil {
			return fmt.Errorf("write the filter of a segment: %w", err)
		}
	}
	return nil
}

// committed is called after each commit of the writer.
func (s *segments) committed() {
	clear(s.unsaved)
	s.turned = false
}

// openSegments reads the number of the next text after the connection was opened, and the filters if they are not known. What a
// transaction that failed has added to them stays: it may only make them say "perhaps" more often.
func (w *writer) openSegments(ctx context.Context, q querier) error {
	if err := q.QueryRowContext(ctx, selectNextText).Scan(&w.next); err != nil {
		return fmt.Errorf("read the number of the next text: %w", err)
	}
	if w.ids != nil && !w.ids.turned && w.ids.number == idfilter.SegmentOf(w.next) {
		return nil
	}
	ids, err := loadSegments(ctx, q, w.next)
	if err == nil {
		w.ids = ids
		w.metrics.filters.Set(float64(ids.known.Bytes()))
	}
	return err
}
