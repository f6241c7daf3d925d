package topology

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
	"restante/internal/retry"
)

// Config configures a Keeper. The functions are called concurrently, and must not block.
type Config struct {
	// Node is the id of this node.
	Node string
	// Partitions is the number that is asked for: 0 for what the record says, and 8 on a new broker.
	Partitions int
	// Log gets what is missing and what is made again. Default: discarded.
	Log *slog.Logger
	// Free reports whether a deleted queue may be made again: no living consumer has deliveries of it in hand. Default: always.
	Free func(queue string) bool
	// Alive reports whether a node may be alive: it was heard in the last 10 s and has not said goodbye, or this process
	// listens for less than 10 s. Default: no other node is.
	Alive func(node string) bool
	// Finished returns what the consumers of a partition have told in heartbeats to have finished: by publishing node, the
	// greatest number. The caller may change the map. Default: nothing is known.
	Finished func(partition int) map[string]int64
	// HeartbeatRecord returns the version of the record that a heartbeat names, 0 for none. A new process asks the running nodes
	// with it, when the broker has no record. Default: no node runs.
	HeartbeatRecord func(body []byte) int64
	// Letters is called at each look with the number of dead letters that wait. Default: nobody asks.
	Letters func(n int)
}

// Keeper makes what restante needs on the broker, and makes it again when it is missing. It has its own connection, so that
// a call that hangs delays nothing else. Its methods may be called concurrently, but Connect comes before Run.
type Keeper struct {
	cfg      Config
	link     *link.Link
	failed   chan error    // buffered: one failure
	turn     chan struct{} // buffered, one element: who in this process takes the lock
	wake     chan struct{} // buffered, one element: look now
	refresh  chan struct{} // buffered, one element: read the record
	ended    chan struct{} // closed when Run has ended
	compared bool          // this process has compared what is there; the looks change it, with the turn

	record atomic.Pointer[Record] // nil until it is known; never changed after it is stored

	mu        sync.Mutex
	changed   chan struct{}   // closed and replaced when the record has changed
	why       error           // why the record is not known
	missing   map[string]bool // at the last look
	report    string          // what was reported since the last look
	restoring map[int]bool    // partitions whose queue a consumer of this node restores
	remade    map[string]bool // exchanges that were made again, whose bindings were not made anew since then
	heard     int64           // the greatest version that another node has named
	heardAt   time.Time
	next      *reading // for those who have called Refresh since the last reading began
}

// reading is one reading of the record. Its result may be read when done is closed.
type reading struct {
	done   chan struct{}
	record Record
	err    error
}

const (
	lookEvery   = 3 * time.Second        // when nothing is missing
	waitEvery   = 250 * time.Millisecond // while something may not be made yet
	minLookGap  = 200 * time.Millisecond // between two looks, whatever is reported
	lockLimit   = 30 * time.Second       // to wait for the lock
	startLimit  = 4 * time.Second        // for Connect to wait for other nodes
	heardFor    = 10 * time.Second       // how long a version counts that another node has named
	minPause    = 50 * time.Millisecond  // the pauses after looks that have failed
	maxPause    = 2 * time.Second
	unknownText = "what is on the broker is not known yet"
)

// NewKeeper returns a keeper for one broker. Links of the broker report to it what they miss. Connect or Run begin.
func NewKeeper(b *link.Broker, cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Free == nil {
		cfg.Free = func(string) bool { return true }
	}
	if cfg.Alive == nil {
		cfg.Alive = func(string) bool { return false }
	}
	if cfg.Finished == nil {
		cfg.Finished = func(int) map[string]int64 { return nil }
	}
	if cfg.Letters == nil {
		cfg.Letters = func(int) {}
	}
	k := &Keeper{
		cfg: cfg, failed: make(chan error, 1), turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		refresh: make(chan struct{}, 1), ended: make(chan struct{}), changed: make(chan struct{}),
		missing: map[string]bool{}, restoring: map[int]bool{}, remade: map[string]bool{},
	}
	k.link = b.Link("topology", func(*link.Session) error { return nil })
	b.OnMissing(k.Report)
	return k
}

// Connect connects once, compares what is on the broker with what is needed, and makes what is missing. Call it before Run.
// Its error has the class errs.Unavailable if waiting may help, then Run goes on; another class if an operator must act.
func (k *Keeper) Connect(ctx context.Context) error {
	pauses := retry.NewBackoff(minPause, maxPause)
	var s *link.Session
	for late := time.Now().Add(startLimit); ; {
		err := k.connectOnce(ctx, &s)
		k.unknown(err)
		if err == nil || errs.CodeOf(err) != errs.Unavailable || s == nil || time.Now().After(late) {
			return err
		}
		if pauses.Wait(ctx) != nil {
			return context.Cause(ctx)
		}
	}
}

// connectOnce looks over the session, or over a new one if there is none or it is lost: RabbitMQ 3.10 ends a connection that
// uses a queue while another one makes it.
func (k *Keeper) connectOnce(ctx context.Context, s **link.Session) error {
	if *s == nil || (*s).Why() != nil {
		if err := k.link.Connect(ctx); err != nil {
			return err
		}
		var err error
		if *s, err = k.link.Current(); err != nil {
			return err
		}
	}
	_, err := k.look(ctx, *s)
	return k.classify(*s, err)
}

// classify gives an error of a look its class.
func (k *Keeper) classify(s *link.Session, err error) error {
	if _, ok := errors.AsType[*errs.Error](err); err == nil || ok {
		return err
	}
	return s.Classify(err)
}

// Run looks after the topology until ctx is done.
func (k *Keeper) Run(ctx context.Context) {
	defer close(k.ended)
	k.link.Want()
	var parts sync.WaitGroup
	parts.Go(func() { k.link.Run(ctx) })
	parts.Go(func() { k.readings(ctx) })
	k.looks(ctx)
	parts.Wait()
}

// looks looks again and again.
func (k *Keeper) looks(ctx context.Context) {
	pauses := retry.NewBackoff(minPause, maxPause)
	failing := false
	for {
		s, err := k.link.Session(ctx)
		if err != nil {
			return
		}
		missing, err := k.look(ctx, s)
		pause := lookEvery
		switch {
		case err != nil:
			pause = pauses.Next()
			failing = k.lookFailed(ctx, s, err, failing)
		case len(missing) > 0:
			pause = waitEvery
		}
		if err == nil {
			failing = false
			pauses.Reset()
		}
		if !k.rest(ctx, s, pause) {
			return
		}
	}
}

// rest waits until the next look. It returns false when ctx is done.
func (k *Keeper) rest(ctx context.Context, s *link.Session, pause time.Duration) bool {
	select {
	case <-time.After(min(pause, minLookGap)):
	case <-ctx.Done():
		return false
	}
	timer := time.NewTimer(pause - minLookGap)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.wake:
	case <-s.Lost():
	case <-ctx.Done():
		return false
	}
	return true
}

// lookFailed notes why a look has failed, and logs it once.
func (k *Keeper) lookFailed(ctx context.Context, s *link.Session, err error, failing bool) bool {
	err = k.classify(s, err)
	k.unknown(err)
	switch {
	case ctx.Err() != nil || s.Why() != nil: // the link logs a lost connection
		return failing
	case errs.CodeOf(err) == errs.Conflict && !k.compared: // a new process, which has not refused to start for want of an answer
		k.fail(err)
	case !failing:
		k.cfg.Log.WarnContext(ctx, "what is on the broker cannot be looked after, trying on", slog.Any("error", err))
	}
	return true
}

// fail says that this process must end.
func (k *Keeper) fail(err error) {
	select {
	case k.failed <- err:
	default:
	}
}

// Failed receives an error when the broker contradicts what this process knows and relies on: it has another number of
// partitions now, or something of ours in another form. The process must end.
func (k *Keeper) Failed() <-chan error { return k.failed }

// Record returns the record as it is known here, false before it is known. It is cheap: it is called for every message. The
// caller must not change what it points to.
func (k *Keeper) Record() (Record, bool) {
	if r := k.record.Load(); r != nil {
		return *r, true
	}
	return Record{}, false
}

// Await waits until the record is known and every queue was made once. Its error has the class errs.Unavailable: ctx is
// done, or Run has ended.
func (k *Keeper) Await(ctx context.Context) (Record, error) {
	for {
		k.mu.Lock()
		changed, why := k.changed, k.why
		k.mu.Unlock()
		if r, ok := k.Record(); ok && r.Made {
			return r, nil
		}
		select {
		case <-changed:
		case <-k.ended:
			return Record{}, link.ErrClosed()
		case <-ctx.Done():
			return Record{}, errs.Wrap(errs.Unavailable, errors.Join(context.Cause(ctx), why), unknownText)
		}
	}
}

// Report says that something is missing on the broker, and what. The keeper looks at once. Reports that come close together
// cause one look, and there are at most about five looks a second.
func (k *Keeper) Report(what string) {
	k.mu.Lock()
	k.report = what
	k.mu.Unlock()
	k.wakeUp()
}

func (k *Keeper) takeReport() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	report := k.report
	k.report = ""
	return report
}

func (k *Keeper) wakeUp() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Check returns nil while everything was there at the last look, else what is missing. The error has the class
// errs.Unavailable.
func (k *Keeper) Check() error {
	return k.check(func(string) bool { return true })
}

// CheckIntake is Check for what accepting messages needs: the exchange and the queues of the intake.
func (k *Keeper) CheckIntake() error {
	return k.check(func(name string) bool {
		return name == "exchange "+link.IntakeExchange || strings.HasPrefix(name, "queue "+link.IntakeQueue)
	})
}

func (k *Keeper) check(counts func(name string) bool) error {
	r, known := k.Record()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !known || !r.Made {
		return errs.Wrap(errs.Unavailable, errors.Join(errors.New(unknownText), k.why), "the broker is not prepared")
	}
	names := slices.Sorted(maps.Keys(k.missing))
	if names = slices.DeleteFunc(names, func(name string) bool { return !counts(name) }); len(names) > 0 {
		return &errs.Error{Code: errs.Unavailable, Msg: "missing on the broker: " + strings.Join(names, ", ")}
	}
	return nil
}

// note notes what is missing. It logs what was not missing before, and what is there again.
func (k *Keeper) note(ctx context.Context, missing []string) {
	k.mu.Lock()
	before := k.missing
	k.missing = map[string]bool{}
	for _, name := range missing {
		k.missing[name] = true
	}
	k.mu.Unlock()
	for _, name := range missing {
		if !before[name] {
			k.logMissing(ctx, name)
		}
	}
	for name := range before {
		if !slices.Contains(missing, name) {
			k.cfg.Log.InfoContext(ctx, "what was missing on the broker is there again", slog.String("what", name))
		}
	}
}

// noteMissing notes one thing that is missing and is about to be made.
func (k *Keeper) noteMissing(ctx context.Context, name string) {
	k.mu.Lock()
	before := k.missing[name]
	k.missing[name] = true
	k.mu.Unlock()
	if !before {
		k.logMissing(ctx, name)
	}
}

// isMissing reports whether a thing was missing at the last look.
func (k *Keeper) isMissing(name string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.missing[name]
}

func (k *Keeper) logMissing(ctx context.Context, name string) {
	k.cfg.Log.WarnContext(ctx, "missing on the broker, it is made again", slog.String("what", name))
}

func (k *Keeper) unknown(why error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.why = why
}

// signal wakes those who wait for a change of the record.
func (k *Keeper) signal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *Keeper) setRestoring(q int, on bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.restoring[q] = on; !on {
		delete(k.restoring, q)
	}
}

func (k *Keeper) isRestoring(q int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.restoring[q]
}
