package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// workConfig says which load to put on several machines. Post and Read are required.
type workConfig struct {
	Post    string // where messages are sent to: a node or a load balancer
	Read    string // where readers connect to
	Log     string // where the log is read from in the end; default Post
	Name    string // the rooms' names begin with it; default "room". Two loads on one cluster need two names
	Rooms   int    // default 2, at most 8: each has a partition of its own
	Senders int    // of each room; default 4
	Readers int    // of each room; default 3
	Every   time.Duration
	Timeout time.Duration // of one attempt to send
}

// work is a load on some rooms, and its evidence.
type work struct {
	t     *testing.T
	cfg   workConfig
	rooms []*room
}

// room is the load on one room.
type room struct {
	name    string
	senders *load.Senders
	readers []*load.Readers
	more    []load.Send    // sent by others than senders
	seen    []load.Reading // by others than readers
}

// startWork starts the load and returns when every reader reads and messages flow.
func startWork(t *testing.T, cfg workConfig) *work {
	t.Helper()
	cfg.Log = orDefault(cfg.Log, cfg.Post)
	cfg.Name = orDefault(cfg.Name, "room")
	cfg.Rooms = orDefault(cfg.Rooms, 2)
	cfg.Senders = orDefault(cfg.Senders, 4)
	cfg.Readers = orDefault(cfg.Readers, 3)
	cfg.Every = orDefault(cfg.Every, 10*time.Millisecond)
	w := &work{t: t, cfg: cfg}
	for n := range cfg.Rooms {
		w.rooms = append(w.rooms, &room{name: fmt.Sprint(cfg.Name, "-", n)}) // FNV-1a gives each digit a partition of its own
	}
	w.read(cfg.Readers)
	for _, r := range w.rooms {
		noError(t, r.readers[0].WaitJoined(within(t, limit)))
		r.senders = startSenders(t, load.SenderConfig{URL: cfg.Post, Room: r.name, Senders: cfg.Senders, Every: cfg.Every, Timeout: cfg.Timeout})
	}
	w.flow(20)
	return w
}

// read starts n more readers of every room, from its beginning.
func (w *work) read(n int) {
	w.t.Helper()
	for _, r := range w.rooms {
		r.readers = append(r.readers, startReaders(w.t, n, load.ReaderConfig{URL: w.cfg.Read, Room: r.name, Reconnect: true}))
	}
}

func orDefault[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}

// flow waits until n more messages of every room have been accepted, and have reached every reader.
func (w *work) flow(n int64) {
	w.t.Helper()
	targets := w.accept(n)
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	for i, r := range w.rooms {
		if err := r.waitSeq(ctx, targets[i]); err != nil {
			w.t.Fatalf("%s, with %d accepted: %v", r.name, r.senders.Accepted(), err)
		}
	}
}

// accept waits until n more messages of every room have been accepted, whether or not anything is delivered, and returns
// how many those are.
func (w *work) accept(n int64) (targets []int64) {
	w.t.Helper()
	for _, r := range w.rooms {
		targets = append(targets, r.senders.Accepted()+n)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	for i, r := range w.rooms {
		if err := r.senders.WaitAccepted(ctx, targets[i]); err != nil {
			w.t.Fatalf("%s: %v", r.name, err)
		}
	}
	return targets
}

// waitSeq waits until every reader of the room has seen everything up to seq.
func (r *room) waitSeq(ctx context.Context, seq int64) error {
	for _, readers := range r.readers {
		if err := readers.WaitSeq(ctx, seq); err != nil {
			return err
		}
	}
	return nil
}

// stopSending ends the senders: what each has under way is still retried.
func (w *work) stopSending() {
	for _, r := range w.rooms {
		r.senders.Stop()
	}
}

// level stops sending, and waits until everything is stored and has reached every reader.
func (w *work) level() {
	w.t.Helper()
	w.stopSending()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	for _, r := range w.rooms {
		noError(w.t, load.WaitStored(ctx, w.cfg.Log, r.name, append(r.senders.Stop(), r.more...)))
		last, err := load.LastSeq(ctx, w.cfg.Log, r.name)
		noError(w.t, err)
		noError(w.t, r.waitSeq(ctx, last))
	}
}

// answers returns how many attempts of all senders had which status. The senders must have been stopped.
func (w *work) answers() map[int]int {
	all := map[int]int{}
	for _, r := range w.rooms {
		for status, n := range r.senders.Answers() {
			all[status] += n
		}
	}
	return all
}

// check ends the load, waits until all of it is stored and delivered, and lets load.Check judge every room. It prints the
// longest pause, under a name for what has happened.
func (w *work) check(what string) {
	w.t.Helper()
	w.stopSending()
	var accepts, deliveries time.Duration
	accepted := 0
	for _, r := range w.rooms {
		sends := append(r.senders.Stop(), r.more...)
		report, readings := w.judge(r, sends)
		accepted += report.Accepted
		accepts = max(accepts, load.AcceptPause(sends))
		deliveries = max(deliveries, load.DeliveryPause(readings))
	}
	w.t.Logf("%s: %d accepted in %d rooms; answers %v", what, accepted, len(w.rooms), w.answers())
	logPause(w.t, what, accepts, deliveries)
}

// judge waits until everything that was sent to a room is stored and delivered, and checks it.
func (w *work) judge(r *room, sends []load.Send) (load.Report, []load.Reading) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	if err := load.WaitStored(ctx, w.cfg.Log, r.name, sends); err != nil {
		w.t.Error(err)
	}
	stored, err := load.ReadRoom(w.t.Context(), w.cfg.Log, r.name, 0)
	noError(w.t, err)
	if err := r.waitSeq(ctx, int64(len(stored))); err != nil {
		w.t.Errorf("%s, with %d stored: %v", r.name, len(stored), err)
	}
	readings := r.seen
	for _, readers := range r.readers {
		readings = append(readings, readers.Stop()...)
	}
	report := load.Check(load.Evidence{Sends: sends, Stored: stored, Readings: readings})
	if err := report.Err(); err != nil {
		w.t.Errorf("%s: promises broken: %v", r.name, err)
	}
	return report, readings
}

// logPause tells how long nothing was accepted, and nothing delivered, while something was broken.
func logPause(t *testing.T, what string, accepts, deliveries time.Duration) {
	t.Helper()
	testkit.Measured(t, "pause", fmt.Sprintf("%s: %v between accepted, %v between delivered",
		what, accepts.Round(time.Millisecond), deliveries.Round(time.Millisecond)))
}
