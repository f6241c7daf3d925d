package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Page implements driver.Driver. Where the page begins is mostly known, because readers go from one page to the next: then the
// rows are read from there until they do not fit. Otherwise it looks for the borders of the block first. SQLite reads whole rows to
// find their sizes, so that costs as much as all pages of the block.
func (d *Driver) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	return reading(ctx, d, "read a page", func() ([]chat.Message, error) {
		if seq < 1 {
			return nil, nil
		}
		b := blockOf(room, seq)
		start, known := d.borders.start(b, seq)
		if !known {
			seqs, sizes, err := readSizes(ctx, d.reads.sizes, b)
			if err != nil || len(seqs) == 0 {
				return nil, err
			}
			var starts []int64
			for from := 0; ; {
				_, to := driver.PageOf(sizes[from:], 0)
				if from += to; from == len(seqs) {
					break
				}
				starts = append(starts, seqs[from])
			}
			d.borders.known.Add(b, starts)
			start, _ = d.borders.start(b, seq)
		}
		found, more, err := d.names.readFirst(ctx, d.reads.between, room, driver.PageBytes, room, start, b.last())
		if more {
			d.borders.add(b, start, found[len(found)-1].Seq+1)
		}
		return d.inEpoch(found), err
	})
}

// block is a block of numbers, see driver.PageMessages.
type block struct {
	room  string
	first int64
}

func blockOf(room string, seq int64) block {
	return block{room, (seq-1)/driver.PageMessages*driver.PageMessages + 1}
}

func (b block) last() int64 { return b.first + min(driver.PageMessages-1, math.MaxInt64-b.first) }

// borders remembers where the pages of blocks begin. Stored messages do not change, so neither do the borders. Its methods may be
// called concurrently.
type borders struct {
	known *lru.Cache[block, []int64] // ascending, without the first page; a list is never changed
}

const maxBlocks = 4096 // blocks whose borders are remembered

func newBorders() borders {
	known, err := lru.New[block, []int64](maxBlocks)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return borders{known}
}

// start returns where the page of a number begins, as far as that is remembered. It is known if the number is a border itself, or
// before another one.
func (b borders) start(of block, seq int64) (start int64, known bool) {
	starts, _ := b.known.Get(of)
	i, is := slices.BinarySearch(starts, seq)
	switch {
	case is || seq == of.first:
		return seq, true
	case i == 0:
		return of.first, len(starts) > 0
	}
	return starts[i-1], i < len(starts)
}

// add adds the border after the last one that is remembered, if that is the given one. Lists have no gaps.
func (b borders) add(of block, last, next int64) {
	starts, _ := b.known.Get(of)
	if last == of.first && len(starts) == 0 || len(starts) > 0 && starts[len(starts)-1] == last {
		b.known.Add(of, append(slices.Clone(starts), next))
	}
}

// readSizes returns the numbers of the messages of a block, and how long their texts are.
func readSizes(ctx context.Context, stmt *sql.Stmt, of block) (seqs []int64, sizes []int, err error) {
	rows, err := stmt.QueryContext(ctx, of.room, of.first, of.last())
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seq int64
		var size int
		if err := rows.Scan(&seq, &size); err != nil {
			return nil, nil, err
		}
		seqs, sizes = append(seqs, seq), append(sizes, size)
	}
	return seqs, sizes, rows.Err()
}
