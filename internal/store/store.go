// Package store keeps the rooms' logs: Persist appends to them, and every reader that is not level with its room reads
// from them. Store is the concrete type that the journey uses. It has the time limits, retries, metrics and limits of a
// page, which are the same for every driver.
package store

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/retry"
	"restante/internal/revocation"
	"restante/internal/store/driver"
)

// Config configures a Store. The zero value is ready to use.
type Config struct {
	// Log gets a line per stored message at debug. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// AppendTimeout limits one write (Append, Restore, SwitchOn), retries included. Default 10 s.
	AppendTimeout time.Duration
	// ReadTimeout limits one read, retries included. Default 5 s.
	ReadTimeout time.Duration
	// CheckTimeout limits one Check. Default 2 s.
	CheckTimeout time.Duration
	// MaxBackoff is the longest pause between two attempts. Default 500 ms.
	MaxBackoff time.Duration
	// Tracer makes the spans of Append, as children of the span in its context. Default: none.
	Tracer trace.TracerProvider
}

// Store keeps the rooms' logs. Its methods may be called concurrently. Their errors are classified; a call that exceeded its
// own time limit or that of ctx returns errs.Unavailable.
type Store struct {
	d       driver.Driver
	cfg     Config
	metrics metrics
	tracer  trace.Tracer // nil: none
}

// New returns a Store over d, which it owns from then on.
func New(d driver.Driver, cfg Config) *Store {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for limit, value := range map[*time.Duration]time.Duration{
		&cfg.AppendTimeout: 10 * time.Second,
		&cfg.ReadTimeout:   5 * time.Second,
		&cfg.CheckTimeout:  2 * time.Second,
		&cfg.MaxBackoff:    500 * time.Millisecond,
	} {
		if *limit == 0 {
			*limit = value
		}
	}
	s := &Store{d: d, cfg: cfg, metrics: newMetrics(cfg.Metrics)}
	if cfg.Tracer != nil {
		s.tracer = cfg.Tracer.Tracer("restante/internal/store")
	}
	return s
}

// Append numbers and stores a batch, and returns it as stored, in its order, once it is on stable storage. A message
// whose room, sender and id are stored already adds nothing: the one that was stored first is returned in its position. If that has
// another text, the message is named as a conflict; it fails nothing else. After an
// error nothing or (when the outcome is unknown) all has been stored; appending the batch again is safe. It does not
// change batch.
func (s *Store) Append(ctx context.Context, batch []chat.Message) (chat.Appended, error) {
	if len(batch) == 0 {
		return chat.Appended{}, nil
	}
	start := time.Now()
	ctx, end := s.startSpan(ctx, batch)
	done, err := call(ctx, s, "append", s.cfg.AppendTimeout, func(ctx context.Context) (driver.Appended, error) {
		return s.d.Append(ctx, batch)
	})
	end(err)
	if err != nil {
		return chat.Appended{}, err
	}
	for i := range done.Messages {
		done.Messages[i].Trace = batch[i].Trace // drivers do not store it
	}
	s.metrics.appended(done, time.Since(start))
	if s.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		for i := range done.Messages {
			m := &done.Messages[i]
			s.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "stored",
				slog.String("id", m.ID), slog.String("room", m.Room), slog.Int64("seq", m.Seq))
		}
	}
	return done, nil
}

// Restore stores messages with the numbers and times that another store gave them: all of one room, following its last
// one. Those that are stored already must be the same and are skipped; anything else is an error of class errs.Conflict,
// and nothing is stored. Restoring the same messages again is safe. It does not change log.
func (s *Store) Restore(ctx context.Context, log []chat.Message) error {
	return s.write(ctx, "restore", func(ctx context.Context) error { return s.d.Restore(ctx, log) })
}

// After returns the oldest messages of the room with Seq > seq, ascending: up to limit of them, or chat.MaxPage if limit is
// not between 1 and that, and no more than fit into chat.MaxPageBytes of text, but at least one. An unknown room has none.
func (s *Store) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return read(ctx, s, "after", func(ctx context.Context) ([]chat.Message, error) {
		return s.d.After(ctx, room, seq, clamp(limit))
	})
}

// RestoreRoom creates a room whose messages up to r.LastSeq have been removed; see driver.Driver.
func (s *Store) RestoreRoom(ctx context.Context, r chat.Room) error {
	return s.write(ctx, "restore_room", func(ctx context.Context) error { return s.d.RestoreRoom(ctx, r) })
}

// Page returns the page that holds a message, with the borders that it has for every reader; see driver.Driver.
func (s *Store) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	return read(ctx, s, "page", func(ctx context.Context) ([]chat.Message, error) { return s.d.Page(ctx, room, seq) })
}

// Epoch returns the present epoch of the store; see driver.Driver. It does not block.
func (s *Store) Epoch() (chat.Epoch, error) { return s.d.Epoch() }

// Epochs returns the store's epochs, oldest first.
func (s *Store) Epochs(ctx context.Context) ([]driver.Epoch, error) {
	return read(ctx, s, "epochs", s.d.Epochs)
}

// Beginning returns after which number a reader of another epoch goes on; see driver.Driver and chat.Resume.
func (s *Store) Beginning(ctx context.Context, room, epoch string) (int64, error) {
	return read(ctx, s, "beginning", func(ctx context.Context) (int64, error) { return s.d.Beginning(ctx, room, epoch) })
}

// Lineage returns the store's identity; see driver.Driver.
func (s *Store) Lineage(ctx context.Context) (driver.Lineage, error) {
	return read(ctx, s, "lineage", s.d.Lineage)
}

// RestoreEpochs gives a new store the identity of another one; see driver.Driver.
func (s *Store) RestoreEpochs(ctx context.Context, l driver.Lineage) error {
	return s.write(ctx, "restore_epochs", func(ctx context.Context) error { return s.d.RestoreEpochs(ctx, l) })
}

// Before returns the newest messages of the room with Seq < seq, ascending; limit is as in After. With math.MaxInt64 it
// returns the newest page.
func (s *Store) Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return read(ctx, s, "before", func(ctx context.Context) ([]chat.Message, error) {
		return s.d.Before(ctx, room, seq, clamp(limit))
	})
}

// SeqAt returns the greatest Seq of the room whose StoredAt is not later than t, or 0: the cursor for "since t".
func (s *Store) SeqAt(ctx context.Context, room string, t time.Time) (int64, error) {
	return read(ctx, s, "seq_at", func(ctx context.Context) (int64, error) { return s.d.SeqAt(ctx, room, t) })
}

// Room returns what is known of one room: zero but for the name when it has no messages.
func (s *Store) Room(ctx context.Context, name string) (chat.Room, error) {
	return read(ctx, s, "room", func(ctx context.Context) (chat.Room, error) { return s.d.Room(ctx, name) })
}

// Rooms returns the rooms whose name sorts after one text and before another ("": there is no end), bytewise and ascending; limit
// is as in After.
func (s *Store) Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error) {
	return read(ctx, s, "rooms", func(ctx context.Context) ([]chat.Room, error) {
		return s.d.Rooms(ctx, after, before, clamp(limit))
	})
}

// RoomsNamed returns those rooms of the given names that exist, each once, ascending by name; see driver.Driver.
func (s *Store) RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error) {
	return read(ctx, s, "rooms_named", func(ctx context.Context) ([]chat.Room, error) { return s.d.RoomsNamed(ctx, names) })
}

// LastSeqs returns the number of the newest message of each room, in the order of the names: 0 for an unknown room. It reads
// up to driver.MaxNames rooms in one query, and more of them in several, one after the other, each with its own time limit.
func (s *Store) LastSeqs(ctx context.Context, rooms []string) ([]int64, error) {
	all := make([]int64, 0, len(rooms))
	for names := range slices.Chunk(rooms, driver.MaxNames) {
		seqs, err := read(ctx, s, "last_seqs", func(ctx context.Context) ([]int64, error) { return s.d.LastSeqs(ctx, names) })
		if err != nil {
			return nil, err
		}
		all = append(all, seqs...)
	}
	return all, nil
}

// Switches returns the features that are switched on, ascending by feature.
func (s *Store) Switches(ctx context.Context) ([]driver.Switch, error) {
	return read(ctx, s, "switches", s.d.Switches)
}

// SwitchOn switches a feature on for good: every node has to know it from then on. It returns when that is on stable
// storage. release is the version of Restante that does it. If the feature is on already, it changes nothing.
func (s *Store) SwitchOn(ctx context.Context, f chat.Feature, release string) error {
	return s.write(ctx, "switch_on", func(ctx context.Context) error { return s.d.SwitchOn(ctx, f, release) })
}

// Revoke merges revocations into the store's list, and removes those that have expired; see driver.Driver.
func (s *Store) Revoke(ctx context.Context, entries []revocation.Entry) error {
	return s.write(ctx, "revoke", func(ctx context.Context) error { return s.d.Revoke(ctx, entries) })
}

// Revocations returns revocations with a number above after, ascending by number; limit is as in After.
func (s *Store) Revocations(ctx context.Context, after int64, limit int) ([]revocation.Stored, error) {
	return read(ctx, s, "revocations", func(ctx context.Context) ([]revocation.Stored, error) {
		return s.d.Revocations(ctx, after, clamp(limit))
	})
}

// Check returns nil when Append works now. A failed Append stays a fault until another one succeeds, or a probe by the way of
// an append, which stores nothing. So it succeeds again by itself after the cause has ended. It blocks for
// Config.CheckTimeout at most, and however often it is called, the database is probed once a second at most.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CheckTimeout)
	defer cancel()
	if err := s.d.Check(ctx); err != nil { // not tried again: the caller wants the state of now
		return s.fail("check", err)
	}
	return nil
}

// Close ends the driver, after the calls in progress. Later calls return an error of class errs.Unavailable.
func (s *Store) Close() error { return s.d.Close() }

func clamp(limit int) int {
	if limit < 1 || limit > chat.MaxPage {
		return chat.MaxPage
	}
	return limit
}

func read[T any](ctx context.Context, s *Store, operation string, f func(context.Context) (T, error)) (T, error) {
	start := time.Now()
	v, err := call(ctx, s, operation, s.cfg.ReadTimeout, f)
	if err == nil {
		s.metrics.readSeconds.WithLabelValues(operation).Observe(time.Since(start).Seconds())
	}
	return v, err
}

// write makes a write that returns nothing.
func (s *Store) write(ctx context.Context, operation string, f func(context.Context) error) error {
	_, err := call(ctx, s, operation, s.cfg.AppendTimeout, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// call runs f until it succeeds, fails for good, or the time is up.
func call[T any](ctx context.Context, s *Store, operation string, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	v, err := f(ctx)
	if err == nil {
		return v, nil
	}
	pauses := retry.NewBackoff(5*time.Millisecond, s.cfg.MaxBackoff)
	for err != nil && s.d.Retryable(err) && pauses.Wait(ctx) == nil {
		s.metrics.retries.Inc()
		v, err = f(ctx)
	}
	if err != nil {
		return v, s.fail(operation, err)
	}
	return v, nil
}

// fail counts an error, and returns it. An error of the context gets the class that tells a sender to try again.
func (s *Store) fail(operation string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = errs.Wrap(errs.Unavailable, err, "the store has not answered in time")
	}
	s.metrics.failed.WithLabelValues(operation, string(errs.CodeOf(err))).Inc()
	return err
}
