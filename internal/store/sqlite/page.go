package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Page implements driver.Driver. It reads the sizes of the block first, and then the page, in one transaction.
func (d *Driver) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	return reading(ctx, d, "read a page", func() (found []chat.Message, err error) {
		if seq < 1 {
			return nil, nil
		}
		tx, err := d.db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, tx.Rollback()) }()
		first := (seq-1)/driver.PageMessages*driver.PageMessages + 1
		seqs, sizes, err := readSizes(ctx, tx.StmtContext(ctx, d.reads.sizes), room, first)
		if err != nil || len(seqs) == 0 {
			return nil, err
		}
		wanted := 0
		for wanted < len(seqs)-1 && seqs[wanted] < seq {
			wanted++
		}
		from, to := driver.PageOf(sizes, wanted)
		found, err = readMessages(ctx, tx.StmtContext(ctx, d.reads.between), room, math.MaxInt, room, seqs[from], seqs[to-1])
		return d.inEpoch(found), err
	})
}

// readSizes returns the numbers of the messages of a block, and how long their texts are.
func readSizes(ctx context.Context, stmt *sql.Stmt, room string, first int64) (seqs []int64, sizes []int, err error) {
	last := first + min(driver.PageMessages-1, math.MaxInt64-first)
	rows, err := stmt.QueryContext(ctx, room, first, last)
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
