package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

// origin looks at the files; with restored, only at the mark that stands in the database, and at which store was served here.
func (f *file) origin(ctx context.Context, restored string) (origin, error) {
	if restored == "" {
		return f.look(ctx)
	}
	m, err := f.readMark(ctx, readOnly)
	return origin{marks{Present: m.id, served: f.served(ctx, true)}, restored}, err
}

// begin enters the database at the start. When the disk does not let it, what is there can be read, and the writer enters before it
// writes anything; but an epoch that has ended must be written first.
func (w *writer) begin(ctx context.Context, from origin) error {
	w.marks = from.marks
	if w.asIs = w.staysAsIs(from); w.asIs {
		return nil
	}
	err := w.file.classify(w.enter(ctx, from.ends))
	if from.ends != "" || errs.CodeOf(err) != errs.Unavailable {
		return err
	}
	w.due = true
	w.markFailed(err)
	return nil
}

// staysAsIs reports whether the database keeps its mark and its epoch, see Config.AsIs.
func (w *writer) staysAsIs(from origin) bool { return w.cfg.AsIs && from.ends != "" }

// enter gives the database a new mark, and ends the epoch if that is due.
func (w *writer) enter(ctx context.Context, ends string) error {
	unfinished := w.marks.pending()
	if err := w.remark(ctx, change{ends: ends, checkpoint: "PASSIVE"}); err != nil {
		return err
	}
	if ends != "" {
		w.metrics.ended.Inc()
		if err := w.reportEnd(ctx, ends); err != nil {
			return err
		}
	}
	w.due = false
	if unfinished && !w.marks.pending() {
		return w.remark(ctx, change{checkpoint: "PASSIVE"})
	}
	return nil
}

// reportEnd logs that an epoch has ended, with the numbers of what there is.
func (w *writer) reportEnd(ctx context.Context, reason string) error {
	var rooms, messages int64
	row := w.tx.conn.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(last_seq), 0) FROM rooms")
	if err := row.Scan(&rooms, &messages); err != nil {
		return fmt.Errorf("count rooms: %w", err)
	}
	w.cfg.Log.Error("the log has gone back to an earlier state, or may have: a new epoch begins, and readers are told",
		"file", w.file.path, "reason", reason, "rooms", rooms, "last_numbers", messages)
	return nil
}

// renewMark gives the database a new mark if something was stored, or completes a change that a reader of the -wal held up.
func (w *writer) renewMark() {
	if w.db == nil || w.due || w.asIs || !w.fresh && !w.marks.pending() || w.file.present() != nil {
		return
	}
	if err := w.remark(context.Background(), change{checkpoint: "PASSIVE"}); err != nil {
		w.markFailed(err)
	}
}

func (w *writer) markFailed(err error) {
	err = w.file.classify(errors.Join(err, w.disconnect()))
	w.cfg.Log.Warn("the mark of the database could not be written; it is tried again", "file", w.file.path, "error", err)
}

// carryMark writes the mark into the -wal once more after that has begun anew, so that every -wal tells of which database it is.
func (w *writer) carryMark() {
	if w.db == nil || w.due || w.asIs {
		return
	}
	salt, err := readSalt(w.file.path)
	if err == nil && salt != w.salt {
		err = exec(context.Background(), w.tx.carryMark)
	}
	if err != nil {
		w.markFailed(err)
		return
	}
	w.salt = salt
}

// leave says in the database that it is closed and everything is in the database file, and returns whether that is so. If the disk
// does not let it, the -wal must stay beside the file, complete: then the next start reads it.
func (w *writer) leave(ctx context.Context) (bool, error) {
	err := w.file.present()
	if err == nil && w.db == nil {
		err = w.connect(ctx)
	}
	switch {
	case err != nil:
	case w.asIs:
		_, err = w.checkpoint(ctx, "TRUNCATE")
	default:
		err = w.remark(ctx, change{closed: true, checkpoint: "TRUNCATE"})
	}
	if err = w.file.classify(err); errs.CodeOf(err) == errs.Unavailable {
		return false, nil
	}
	return err == nil && !w.marks.pending(), err
}

// change is a change of the mark.
type change struct {
	closed     bool
	ends       string // why the epoch ends, too; "" if it does not
	checkpoint string // PASSIVE does not wait for readers and leaves the -wal as it is; TRUNCATE empties it
}

// remark changes the mark: in the file of marks, in the database, and in the database file itself by a checkpoint. If a reader keeps
// the checkpoint from completing, both marks stay valid, and the next call goes on. After an error the connection must be closed.
func (w *writer) remark(ctx context.Context, c change) error {
	if !w.marks.pending() || w.marks.Ends != c.ends {
		m := w.marks
		m.Next, m.Ends = cmp.Or(m.Next, driver.NewMark()), c.ends
		if err := w.writeMarks(m); err != nil {
			return err
		}
	}
	if err := w.putMark(ctx, c); err != nil {
		return err
	}
	complete, err := w.checkpoint(ctx, c.checkpoint)
	if err != nil || !complete {
		return err
	}
	w.fresh = false
	_, now, err := isServed(ctx, w.tx.conn, w.marks.served)
	if err != nil {
		return err
	}
	return w.writeMarks(marks{Present: w.marks.Next, served: now})
}

func (w *writer) writeMarks(m marks) error {
	if err := w.file.writeMarks(m); err != nil {
		return unusable(w.file.path, err, "the file %s cannot be written", markPath(w.file.path))
	}
	w.marks = m
	return nil
}

// putMark writes the next mark into the database, and the new epoch with it.
func (w *writer) putMark(ctx context.Context, c change) error {
	if err := exec(ctx, w.tx.begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if c.ends != "" {
		if err := w.endEpoch(ctx, c.ends); err != nil {
			return err
		}
	}
	if err := exec(ctx, w.tx.setMark, w.marks.Next, c.closed); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	if err := exec(ctx, w.tx.commit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// checkpoint copies the -wal into the database file, and returns whether all of it is there.
func (w *writer) checkpoint(ctx context.Context, mode string) (bool, error) {
	var busy, size, copied int
	if err := w.tx.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &size, &copied); err != nil {
		return false, fmt.Errorf("checkpoint: %w", err)
	}
	return busy == 0 && size == copied, nil
}
