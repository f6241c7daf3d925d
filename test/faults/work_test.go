package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// workConfig says which load to put on several nodes. Post and Read are required.
type workConfig struct {
	Post    string // URL for senders: a node or a load balancer
	Read    string // URL for readers
	Log     string // URL for reading the log at the end; default Post
	Name    string // prefix of the rooms' names; default "room". Two loads on one cluster need different names
	Rooms   int    // number of rooms; default 2, at most 8: each has its own partition
	Senders int    // number of senders of each room; default 4
	Readers int    // number of readers of each room; default 3
	Every   time.Duration
	Timeout time.Duration // limit of one attempt to send
}

// work is a load on some rooms, with its evidence.
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
	more    []load.Send    // sends that the senders did not make
	seen    []load.Reading // readings that the readers did not make
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
		w.rooms = append(w.rooms, &room{name: fmt.Sprint(cfg.Name, "-", n)}) // FNV-1a puts each digit into a different partition
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

// flow waits until n more messages of every room have been accepted and have reached every reader.
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

// accept waits until n more messages of every room have been accepted, delivered or not, and returns the resulting
// number of accepted messages of each room.
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

// waitSeq waits until every reader of the room has seen all messages up to seq.
func (r *room) waitSeq(ctx context.Context, seq int64) error {
	for _, readers := range r.readers {
		if err := readers.WaitSeq(ctx, seq); err != nil {
			return err
		}
	}
	return nil
}

// stopSending stops the senders. The messages that they are sending are still retried.
func (w *work) stopSending() {
	for _, r := range w.rooms {
		r.senders.Stop()
	}
}

// level stops sending, and waits until every message is stored and has reached every reader.
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

// answers returns the number of attempts of all senders by status. The senders must have been stopped.
func (w *work) answers() map[int]int {
	all := map[int]int{}
	for _, r := range w.rooms {
		for status, n := range r.senders.Answers() {
			all[status] += n
		}
	}
	return all
}

// check ends the load, waits until every message is stored and delivered, and checks every room with load.Check. It
// prints the longest pause, with what as the name of the fault.
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

// judge waits until every message of a room is stored and delivered, and checks the room.
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

// logPause prints how long no message was accepted, and none delivered, during a fault.
func logPause(t *testing.T, what string, accepts, deliveries time.Duration) {
	t.Helper()
	testkit.Measured(t, "pause", fmt.Sprintf("%s: %v between accepted, %v between delivered",
		what, accepts.Round(time.Millisecond), deliveries.Round(time.Millisecond)))
}
