// Package epoch notices that a database lost messages, or is not the one that it was, and makes sure that one broker works with
// one store. It is for many machines. In the journey it stands beside Persist and Deliver: it remembers what they have stored and
// delivered, and decides whether the database that the store's driver has reached still holds it.
//
// Read judge.go first: Judge is asked by the driver, and asks the other nodes over their heartbeats. memory.go is what a node
// remembers, ask.go what it asks the others, watch.go what it does without being asked, marks.go renews the mark that tells the
// store from an older copy of it.
package epoch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/store/driver"
)

// Record is what the broker's record says about the store.
type Record interface {
	// Store returns what this node knows of it, false while the record is not known. It does not block.
	Store() (peer.StoreRecord, bool)
	// ChangeStore reads it on the broker and replaces it by what change returns, under the lock of the record. It returns what
	// stands there then. It blocks until that is done or ctx is.
	ChangeStore(ctx context.Context, change func(peer.StoreRecord) peer.StoreRecord) (peer.StoreRecord, error)
}

// Nodes is what the heartbeats of the nodes say.
type Nodes interface {
	Self() peer.Node
	// Others returns the other living nodes that work with a store, and whether that can be all of them.
	Others(store string, now time.Time) (nodes []peer.Node, all bool)
	// SetStore sets what this node tells.
	SetStore(state *peer.StoreState)
}

// Config configures a Judge. Record and Nodes are needed.
type Config struct {
	Record Record
	Nodes  Nodes
	// Log gets ends of epochs, and why a database is not used. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// Patience is how long the other nodes may take to say what they find. Default 10 s.
	Patience time.Duration
}

// Judge implements driver.Judge for a node. Its methods may be called concurrently.
type Judge struct {
	cfg     Config
	memory  *memory
	metrics *metrics

	telling sync.Mutex // one epoch after the other is told

	mu       sync.Mutex
	entered  chat.Epoch         // in which the driver works, or worked last; zero before the first one
	at       sight              // what the driver has asked about last
	asked    bool               // at is set
	held     bool               // the driver waits for an answer or asks again later
	refused  error              // why the database must not be used; nil when it may be, or when that is not known yet
	foreign  error              // the broker's record names another store, as watch has found
	accepted *string            // a mark that the record does not have, and with which the epoch goes on
	ending   string             // the epoch for which End was returned last
	answers  bool               // the driver has got an answer
	changed  chan struct{}      // closed and replaced when Check may return something else
	told     []func(chat.Epoch) // by OnEnter
}

var _ driver.Judge = (*Judge)(nil)

// New returns a judge that knows no database yet.
func New(cfg Config) *Judge {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 10 * time.Second
	}
	j := &Judge{cfg: cfg, memory: newMemory(), metrics: newMetrics(), held: true, changed: make(chan struct{})}
	j.metrics.register(cfg.Metrics)
	return j
}

// sight is the state in which a node has found a database.
type sight struct {
	store  string
	server string // the fingerprint
	epoch  string
	mark   string
	known  bool // the record has the mark
}

// String names the state in heartbeats. It is the same on nodes that have found the same.
func (s sight) String() string {
	mark := s.mark
	if s.known {
		mark = knownMark
	}
	server := sha256.Sum256([]byte(s.server))
	return hex.EncodeToString(server[:8]) + ":" + s.epoch + ":" + mark
}

// knownMark stands for each of the two marks of the record, which nodes may see at the same time.
const knownMark = "known"

// Judge implements driver.Judge.
func (j *Judge) Judge(ctx context.Context, l driver.Look) (driver.Verdict, error) {
	began := time.Now()
	v, err := j.judge(ctx, &l)
	if err == nil && time.Since(began) > j.cfg.Patience+staleAfter {
		err = &errs.Error{Code: errs.Unavailable, Msg: "this node was suspended while it looked at the database: it looks again"}
	}
	j.answered(ctx, &l, v, err)
	return v, err
}

// staleAfter is how much longer than Config.Patience an answer may take before it is not used any more.
const staleAfter = 5 * time.Second

func (j *Judge) judge(ctx context.Context, l *driver.Look) (driver.Verdict, error) {
	at := sight{l.Epoch.Store, l.Fingerprint, l.Epoch.ID, l.Mark, j.KnowsMark(l.Mark)}
	j.see(at, "", nil)
	record, known, err := j.read(ctx, l)
	if err != nil {
		return driver.Verdict{}, err
	}
	at.known = !known || record.Has(l.Mark)
	unchanged := at.known && (l.Confirmed == "" || l.Confirmed == l.Fingerprint)
	j.see(at, "", nil)
	finding, missing, err := j.compare(ctx, l)
	if err != nil {
		return driver.Verdict{}, err
	}
	if unchanged && finding != peer.Lacks {
		j.see(at, finding, nil)
		return driver.Verdict{}, nil
	}
	if !known {
		return driver.Verdict{}, errs.Wrap(errs.Unavailable, errNoRecord, "the database is not known to be the one that it was")
	}
	j.see(at, finding, missing)
	answers, err := j.ask(ctx, at)
	if err != nil {
		return driver.Verdict{}, err
	}
	answers.add(finding, missing)
	return answers.verdict(l, at), nil
}

var errNoRecord error = &errs.Error{Code: errs.Unavailable, Msg: "the broker's record is not known yet"}

// read returns what the record says about the store, or false while the record is not known: a database that shows nothing new is
// used meanwhile. A database that comes first to a broker without a store becomes its store. What does not agree with the record
// as this node knows it is compared with the one on the broker, because this node may have been suspended. A record that is behind
// catches up.
func (j *Judge) read(ctx context.Context, l *driver.Look) (r peer.StoreRecord, known bool, err error) {
	r, known = j.cfg.Record.Store()
	if !known || r.ID == l.Epoch.Store && r.Has(l.Mark) {
		return r, known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, j.cfg.Patience)
	defer cancel()
	r, err = j.cfg.Record.ChangeStore(ctx, func(r peer.StoreRecord) peer.StoreRecord {
		if r.ID == "" {
			return peer.StoreRecord{ID: l.Epoch.Store, Marks: []string{l.Mark}}
		}
		return r
	})
	if err != nil {
		return r, true, errs.Wrap(errs.Unavailable, err, "the database cannot be compared with the broker's record")
	}
	if err := otherStore(&r, l.Epoch.Store); err != nil || r.Has(l.Mark) {
		return r, true, err
	}
	r, err = j.catchUp(ctx, l, r)
	return r, true, err
}

// catchUp writes the mark of the database into a record that is behind: the database once had the record's present mark. So it is
// when the broker was set back, or is one that the nodes have used before. A record that is not behind is left as it is.
func (j *Judge) catchUp(ctx context.Context, l *driver.Look, r peer.StoreRecord) (peer.StoreRecord, error) {
	had, err := l.Had(ctx, r.Marks[0])
	if err != nil || !had {
		return r, err
	}
	now, err := j.cfg.Record.ChangeStore(ctx, func(now peer.StoreRecord) peer.StoreRecord {
		if !now.Equal(r) {
			return now
		}
		return peer.StoreRecord{ID: r.ID, Marks: []string{l.Mark}}
	})
	switch {
	case err != nil:
		return r, errs.Wrap(errs.Unavailable, err, "the mark of the database cannot be written into the broker's record")
	case now.ID != r.ID || !now.Has(l.Mark):
		return r, &errs.Error{Code: errs.Unavailable, Msg: "the broker's record has changed: looking again"}
	}
	j.cfg.Log.InfoContext(ctx, "the broker's record was behind the database, and has its mark now", slog.String("store", r.ID))
	return now, nil
}

// otherStore returns an error if the record names another store.
func otherStore(r *peer.StoreRecord, id string) error {
	if r.ID == "" || r.ID == id {
		return nil
	}
	return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("the broker belongs to the store %s, and this database is the store %s: "+
		"use the database of that store or another virtual host, or make the broker belong to this store with 'restante broker store adopt'", r.ID, id)}
}

// compare finds out whether the database has what this node remembers.
func (j *Judge) compare(ctx context.Context, l *driver.Look) (peer.Finding, []driver.Seen, error) {
	j.mu.Lock()
	entered := j.entered
	j.mu.Unlock()
	switch {
	case entered.ID == "" || entered.Store != l.Epoch.Store:
		return peer.Unknown, nil, nil
	case !slices.Contains(l.Epochs, entered.ID):
		return peer.Lacks, nil, nil
	case entered.ID != l.Epoch.ID: // it has ended, and what this node remembers is of that one
		return peer.Unknown, nil, nil
	}
	remembered := j.memory.newest(l.Epoch.ID, maxRooms)
	if len(remembered) == 0 {
		return peer.Complete, nil, nil
	}
	missing, err := l.Missing(ctx, remembered)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("look for what this node remembers: %w", err)
	case len(missing) > 0:
		return peer.Lacks, missing, nil
	}
	return peer.Complete, nil, nil
}

// see notes and tells what this node has found. Until the driver has entered an epoch, it does not serve.
func (j *Judge) see(at sight, finding peer.Finding, missing []driver.Seen) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.at, j.asked, j.held = at, true, true
	j.cfg.Nodes.SetStore(&peer.StoreState{ID: at.store, Look: at.String(), Finds: finding, Missing: tellable(missing)})
	j.metrics.held.Set(1)
	j.signal()
}

// answered notes the answer for the driver.
func (j *Judge) answered(ctx context.Context, l *driver.Look, v driver.Verdict, err error) {
	j.mu.Lock()
	before := j.refused
	j.held, j.refused, j.answers = true, nil, true
	if errs.CodeOf(err) == errs.Conflict {
		j.refused = err
	}
	if v.End != "" {
		j.ending = l.Epoch.ID
	}
	if err == nil && j.asked && !j.at.known {
		mark := l.Mark
		j.accepted = &mark
	}
	j.metrics.held.Set(1)
	j.signal()
	refused := j.refused
	j.mu.Unlock()
	switch {
	case refused != nil && (before == nil || before.Error() != refused.Error()):
		j.cfg.Log.ErrorContext(ctx, "the database must not be used", slog.Any("error", refused))
	case v.End != "":
		rooms, numbers := describe(v.Missing)
		j.cfg.Log.ErrorContext(ctx, "the epoch of the store ends: numbers of messages may be given again",
			slog.String("epoch", l.Epoch.ID), slog.String("reason", v.End), slog.Int("rooms", rooms), slog.String("missing", numbers))
	}
}

// KnowsMark implements driver.Judge. While the record is not known, no mark is a reason to ask.
func (j *Judge) KnowsMark(mark string) bool {
	r, known := j.cfg.Record.Store()
	if !known || r.Has(mark) {
		return true
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.accepted != nil && *j.accepted == mark
}

// Entered implements driver.Judge. It calls what OnEnter was given.
func (j *Judge) Entered(e chat.Epoch) {
	j.telling.Lock()
	defer j.telling.Unlock()
	j.mu.Lock()
	before := j.entered
	ended := before.ID != "" && before.ID != e.ID || before.ID == "" && j.ending != "" && j.ending != e.ID
	j.entered, j.held, j.refused, j.ending, j.answers = e, false, nil, "", true
	j.at.store, j.at.epoch = e.Store, e.ID
	j.memory.begin(e.ID)
	j.cfg.Nodes.SetStore(&peer.StoreState{ID: e.Store, Look: j.at.String(), Serves: true, Finds: peer.Complete})
	j.metrics.held.Set(0)
	told := slices.Clone(j.told)
	j.signal()
	j.mu.Unlock()
	if ended {
		j.metrics.ended.Inc()
		j.cfg.Log.Warn("another epoch of the store has begun, readers are told", slog.String("before", before.ID), slog.String("epoch", e.ID))
	}
	for _, tell := range told {
		tell(e)
	}
}

// OnEnter calls tell with the epoch in which the driver works, now if there is one, and whenever another one begins.
func (j *Judge) OnEnter(tell func(chat.Epoch)) {
	j.telling.Lock()
	defer j.telling.Unlock()
	j.mu.Lock()
	j.told = append(j.told, tell)
	entered := j.entered
	j.mu.Unlock()
	if entered.ID != "" {
		tell(entered)
	}
}

// Stored notes what this node has stored. It keeps nothing of the slice, and does not block.
func (j *Judge) Stored(stored []chat.Message) { j.memory.note(stored) }

// Delivered notes what this node has heard to be stored. It keeps nothing of the slice, and does not block.
func (j *Judge) Delivered(stored []chat.Message) { j.memory.note(stored) }

// Remembered implements driver.Judge.
func (j *Judge) Remembered(epoch string, most int) []driver.Seen { return j.memory.newest(epoch, most) }

// Check returns nil while the database is not known to be one that must not be used. Otherwise its error, of class errs.Conflict,
// says why.
func (j *Judge) Check() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.refused != nil {
		return j.refused
	}
	return j.foreign
}

// signal wakes those who wait for a change. The caller has the lock.
func (j *Judge) signal() {
	close(j.changed)
	j.changed = make(chan struct{})
}
