package revocation

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Stored is an entry as the store has it.
type Stored struct {
	Entry
	Number int64 // rises with each change of the store's list
}

// Store keeps revocations; store.Store is one. Methods block, and are called concurrently. Errors are classified.
type Store interface {
	// Revoke merges entries into the store's list (see Merge), and removes entries that have expired. It returns when that is on
	// stable storage.
	Revoke(ctx context.Context, entries []Entry) error
	// Revocations returns entries with a number above after, ascending: up to limit of them.
	Revocations(ctx context.Context, after int64, limit int) ([]Stored, error)
	// Epoch returns the present epoch of the store, or an error while it is not known. It does not block.
	Epoch() (chat.Epoch, error)
}

// Record is what the broker's record says about revoked tokens.
type Record interface {
	// Revocations returns what this node knows of it, and the version of the record; false while that is not known. It does not block.
	Revocations() (s Summary, version int64, known bool)
	// ChangeRevocations reads the record on the broker and replaces what it says by what change returns, under the lock of the
	// record. It blocks until that is done or ctx is.
	ChangeRevocations(ctx context.Context, change func(Summary) Summary) error
}

// Nodes is what the heartbeats of the nodes say.
type Nodes interface {
	// TellRevoked sets what this node tells. The next heartbeat is sent at once when the digest has changed.
	TellRevoked(t *Told)
	// OthersRevoked returns what the other living nodes have told last; nil for a node that has told nothing.
	OthersRevoked(now time.Time) []*Told
	// HeardRevoked has an element, at most one, when another node has told something new.
	HeardRevoked() <-chan struct{}
}

// Config configures a Revoker. Store is needed.
type Config struct {
	Store  Store
	Record Record        // nil on one machine
	Nodes  Nodes         // nil on one machine
	Keep   time.Duration // the longest life of a token: how long an entry is kept; default DefaultKeep
	Log    *slog.Logger  // default: discard
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	Now     func() time.Time // default time.Now
}

// DefaultKeep is the default of Config.Keep.
const DefaultKeep = 400 * 24 * time.Hour

// keepMore is how much longer than the longest life of a token an entry is kept, since clocks differ and tokens have a leeway.
const keepMore = time.Hour

// Revoker is the list of one node. Its methods may be called concurrently.
//
// A list only grows until its entries expire, so it does not matter in which order a node learns of them, from where, or how often.
type Revoker struct {
	cfg      Config
	list     *list
	metrics  *metrics
	complete atomic.Bool  // the whole list of the store was read once
	known    atomic.Bool  // what is revoked is known: complete, or the record had all
	unstored atomic.Bool  // the store may lack something that this node knows
	looked   atomic.Int64 // the version of the record that was looked at last

	mu      sync.Mutex
	recent  recent
	changed []func()      // by OnChange
	news    chan struct{} // closed and replaced when another node or the record may have said something new

	reader reader // of the store. For read alone
}

// New returns a revoker that knows nothing yet. Call Load or Run.
func New(cfg Config) *Revoker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Keep == 0 {
		cfg.Keep = DefaultKeep
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r := &Revoker{cfg: cfg, list: newList(cfg.Now), news: make(chan struct{})}
	r.metrics = newMetrics(cfg.Metrics, r)
	return r
}

// errUnknown is the error of all checks while what is revoked is not known.
var errUnknown error = &errs.Error{
	Code: errs.Unavailable, NotDone: true, RetryAfter: time.Second,
	Msg: "whether the token was revoked is not known yet: this node has not reached the database since it started",
}

// errRevoked says that a token was revoked.
var errRevoked error = &errs.Error{Code: errs.Unauthenticated, Msg: "the token was revoked"}

// Check returns nil if a token counts, given its sub, its jti ("" for none) and when it was issued (zero: not known). The error
// has the class errs.Unauthenticated if the token was revoked, and errs.Unavailable while that is not known. It does not block: it
// is called for every request.
func (r *Revoker) Check(sub, jti string, issued time.Time) error {
	switch {
	case !r.known.Load():
		return errUnknown
	case r.list.has(sub, jti, issued):
		return errRevoked
	}
	return nil
}

// OnChange has f called after the list has got entries. f must not block.
func (r *Revoker) OnChange(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, f)
}

// Entries returns up to limit entries in force whose kind and name sort after the given key, ascending.
func (r *Revoker) Entries(after Key, limit int) (page []Entry, more bool) {
	r.list.expire()
	for _, e := range r.list.all() {
		if e.compare(after) <= 0 {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, e)
	}
	return page, false
}

// learn merges entries into the list. If that has changed it, the node ends what the revoked tokens have opened, and tells the others.
func (r *Revoker) learn(entries ...Entry) {
	added := r.list.add(entries...)
	if len(added) == 0 {
		return
	}
	r.mu.Lock()
	r.recent.add(added, r.cfg.Now())
	changed := r.changed
	r.mu.Unlock()
	for _, f := range changed {
		f()
	}
	r.tell()
}

// tell brings what the heartbeats tell up to date.
func (r *Revoker) tell() {
	if r.cfg.Nodes == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &Told{Digest: r.list.digest(), Recent: r.recent.told(r.cfg.Now())}
	if t.Digest == "" && t.Recent == nil {
		t = nil
	}
	r.cfg.Nodes.TellRevoked(t)
}

// Load reads the store once. It blocks until that is done. It is for one machine, whose store is there when the server starts: many
// machines start without.
func (r *Revoker) Load(ctx context.Context) error { return r.readStore(ctx) }

// LookAtRecord takes over what the broker's record says as this node knows it, if it has changed. It does not block.
func (r *Revoker) LookAtRecord() {
	if r.cfg.Record == nil {
		return
	}
	s, version, known := r.cfg.Record.Revocations()
	if !known || r.looked.Swap(version) == version {
		return
	}
	r.learn(s.Entries...)
	if !s.More {
		r.known.Store(true)
	}
}

const (
	hearEvery   = 250 * time.Millisecond // the record is looked at
	readEvery   = time.Second            // the store is read for what is new
	expireEvery = time.Minute
)

// Run keeps the list up to date until ctx is done, for which it returns nil.
func (r *Revoker) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if r.cfg.Nodes != nil {
		g.Go(func() error { r.hear(ctx); return nil })
		g.Go(func() error { r.read(ctx); return nil })
		g.Go(func() error { r.keepRecord(ctx); return nil })
	}
	g.Go(func() error { r.forget(ctx); return nil })
	return g.Wait()
}

// hear takes over what the other nodes and the record say.
func (r *Revoker) hear(ctx context.Context) {
	tick := time.NewTicker(hearEvery)
	defer tick.Stop()
	for {
		r.LookAtRecord()
		for _, t := range r.cfg.Nodes.OthersRevoked(r.cfg.Now()) {
			if t != nil {
				r.learn(valid(t.Recent)...)
			}
		}
		r.tell()
		r.signal()
		select {
		case <-r.cfg.Nodes.HeardRevoked():
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// valid returns the entries that a node can have told: any user of the broker may have sent them.
func valid(entries []Entry) []Entry {
	var kept []Entry
	for _, e := range entries {
		if e.Validate() == nil && (e.Kind == Sub || e.Kind == JTI) {
			kept = append(kept, e)
		}
	}
	return kept
}

// signal wakes those who wait for news.
func (r *Revoker) signal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.news)
	r.news = make(chan struct{})
}

// forget removes what has expired from the list.
func (r *Revoker) forget(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.list.expire()
		case <-ctx.Done():
			return
		}
	}
}
