package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/store/idfilter"
)

// Why a node that believes its filters never stores a message twice:
//
// A transaction that stores a message draws the number of its text when it has a transaction id already, because it has locked a
// room. So when the sequence of numbers was seen past a segment, and every transaction that ran then has ended, no transaction can
// add to the segment any more: it is sealed. A filter is made from what a snapshot shows after that, so it has every id that the
// segment will ever have; removing messages takes none away. It is stored once and never changes. A node that knows the filter of
// a segment therefore knows it for all nodes, and whoever knows none looks into the segment itself.
//
// Filters belong to the database that they were read from. They are dropped at the end of a term, and when an append finds that
// the numbers of the database are before the end of a segment that the node takes for sealed: that is an older copy. In a copy whose
// numbers are past that segment nothing can be added to it.

// sealEvery is how often a node that appends looks for filters of other nodes and for segments to seal: several times in a
// segment at any rate that one database has.
const sealEvery = 5 * time.Second

// sealLock is the key of the advisory lock under which one node at a time makes a filter ("filters" in ASCII).
const sealLock = 0x66696c74657273

// filterPage is how many filters are read by one statement: 2 MiB.
const filterPage = 8

// lookups says where append has to look for ids.
type lookups struct {
	known    int     // how many segments the filters are known of, from the first one on
	ordinals []int32 // of the messages, from 1 on, whose id may be in an older segment
	segments []int64 // which one
}

// look returns where ids may be.
func (t *term) look(ids []pgtype.UUID) lookups {
	set := t.filters.Load()
	l := lookups{known: set.Complete(), ordinals: []int32{}, segments: []int64{}}
	var found []int
	for i := range ids {
		found = set.Perhaps(&ids[i].Bytes, l.known, found[:0])
		for _, segment := range found {
			l.ordinals, l.segments = append(l.ordinals, int32(i+1)), append(l.segments, int64(segment))
		}
	}
	return l
}

// filterBytes returns how much memory the filters of the present term take.
func (d *Driver) filterBytes() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.term == nil {
		return 0
	}
	return float64(d.term.filters.Load().Bytes())
}

// keepFilters reads the filters of a term's database and makes those that are missing, until the term ends or the driver is closed.
// Appends go on meanwhile: without filters they are slower.
func (d *Driver) keepFilters(t *term) {
	ctx, cancel := context.WithCancel(d.stopped)
	defer cancel()
	stop := context.AfterFunc(t.ctx, cancel)
	defer stop()
	var h horizon
	for ctx.Err() == nil {
		more, err := d.sealNext(ctx, t, &h)
		switch {
		case err == nil && more:
			continue
		case err != nil && ctx.Err() == nil:
			d.cfg.Log.Debug("reading and making filters of ids", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(sealEvery):
		}
	}
}

// horizon is the first transaction id that was not given out when the numbers were seen past some segments.
type horizon struct {
	set  *idfilter.Set // what the horizon was seen for
	past int           // the segments below it
	xid  int64         // 0: none was seen
}

// sealNext reads the filters that other nodes have made, and makes one if a segment is sealed. It reports whether there may be more to do
// at once.
func (d *Driver) sealNext(ctx context.Context, t *term, h *horizon) (more bool, err error) {
	set := t.filters.Load()
	if h.set != set {
		*h = horizon{set: set}
	}
	if err := d.attempt(ctx, t, func(ctx context.Context) error { return d.readFilters(ctx, set) }); err != nil {
		return false, err
	}
	next := set.Complete()
	var sealed bool
	err = d.attempt(ctx, t, func(ctx context.Context) (err error) { sealed, err = h.sealed(ctx, d.pool, next); return err })
	if err != nil || !sealed {
		return false, err
	}
	var made *idfilter.Filter
	err = d.attempt(ctx, t, func(ctx context.Context) error {
		return d.transact(ctx, func(tx pgx.Tx) (err error) { made, err = makeFilterAlone(ctx, tx, next); return err })
	})
	if err != nil || made == nil {
		return false, err
	}
	set.Put(next, made)
	return true, nil
}

// readFilters reads the filters after those that are known without a gap. It leaves out damaged ones.
func (d *Driver) readFilters(ctx context.Context, set *idfilter.Set) error {
	for from := set.Complete(); ; {
		n := 0
		rows, err := d.pool.Query(ctx, "SELECT segment, bits FROM restante.filters WHERE segment >= $1 ORDER BY segment LIMIT $2", from, filterPage)
		if err != nil {
			return err
		}
		var segment int
		var bits []byte
		_, err = pgx.ForEachRow(rows, []any{&segment, &bits}, func() error {
			n, from = n+1, segment+1
			f, err := idfilter.Parse(segment, bits)
			if err != nil {
				d.cfg.Log.Warn("a filter of ids is made again", "error", err)
				return nil
			}
			set.Put(segment, f)
			return nil
		})
		if err != nil || n < filterPage {
			return err
		}
	}
}

// sealed reports whether a segment is sealed. It asks twice, or more often while old transactions run. The numbers are read by a
// statement before the one whose snapshot gives the transaction ids: in one statement the snapshot could be older than what it reads.
func (h *horizon) sealed(ctx context.Context, q querier, segment int) (bool, error) {
	if h.xid == 0 || segment >= h.past {
		var present int
		if err := q.QueryRow(ctx, "SELECT last_value >> $1::integer FROM restante.numbers", idfilter.SegmentBits).Scan(&present); err != nil {
			return false, err
		}
		if segment >= present {
			return false, nil
		}
		var xid int64
		if err := q.QueryRow(ctx, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").Scan(&xid); err != nil {
			return false, err
		}
		h.past, h.xid = present, xid
	}
	var ended bool
	err := q.QueryRow(ctx, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1", h.xid).Scan(&ended)
	return ended, err
}

// makeFilterAlone makes the filter of a sealed segment, unless another node makes one now: then it returns nil.
func makeFilterAlone(ctx context.Context, tx pgx.Tx, segment int) (*idfilter.Filter, error) {
	var alone bool
	if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(sealLock)).Scan(&alone); err != nil || !alone {
		return nil, err
	}
	return makeFilter(ctx, tx, segment)
}

// makeFilter makes the filter of a sealed segment and stores it. It reads a part of the index and of the table.
func makeFilter(ctx context.Context, tx pgx.Tx, segment int) (*idfilter.Filter, error) {
	// Other plans than a look-up in the index read the whole table.
	if _, err := tx.Exec(ctx, "SELECT set_config('enable_seqscan', 'off', true)"); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, "SELECT id FROM restante.messages WHERE text >> 17 = $1", segment)
	if err != nil {
		return nil, err
	}
	f := &idfilter.Filter{}
	var id pgtype.UUID
	if _, err = pgx.ForEachRow(rows, []any{&id}, func() error { f.Add(&id.Bytes); return nil }); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "INSERT INTO restante.filters (segment, bits) VALUES ($1, $2) ON CONFLICT (segment) DO UPDATE SET bits = excluded.bits",
		segment, f.Encode(segment))
	return f, err
}
