package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
)

// verdict is what becomes of an entry of the intake whose kind or version this node does not know.
type verdict int

const (
	keep    verdict = iota // it stays first in its partition, and is tried again after a pause
	giveUp                 // the partition goes to a node that knows it
	discard                // it becomes a dead letter
	proceed                // nothing stops the entries behind it
)

// String is for log lines.
func (v verdict) String() string {
	return [...]string{keep: "kept", giveUp: "left to a node that knows them", discard: "dead-lettered"}[v]
}

// evidence is what a node knows of a feature that it lacks.
type evidence struct {
	switched  bool          // the store says that the feature is in use
	uncertain bool          // the store cannot be asked
	alive     bool          // a node that is alive knows the feature
	ever      bool          // some node has known it since this process started
	age       time.Duration // since this node first met it
}

// verdict decides. It discards only what no node has known within the limit: a newer node may have written anything else,
// and can read it.
func (e evidence) verdict(limit time.Duration) verdict {
	switch {
	case e.switched, e.alive:
		return giveUp
	case e.uncertain, e.ever, e.age < limit:
		return keep
	}
	return discard
}

// unknowns are the features that this node has met and does not know. Its methods may be called concurrently.
type unknowns struct {
	cfg *Config
	now func() time.Time

	mu    sync.Mutex
	met   *lru.Cache[chat.Feature, *meeting]  // in the intake
	heard *lru.Cache[chat.Feature, time.Time] // in announcements: when that was logged
}

// meeting is what is remembered of one such feature.
type meeting struct {
	first    time.Time // when it was first met
	switched bool      // the store has said so; a switch stays on
	logged   bool
	last     verdict // as logged
}

// maxFeatures is how many features are remembered. It is about how many entries the broker delivers ahead for the default
// number of partitions, so that the clock of each can run.
const maxFeatures = 4096

func newUnknowns(cfg *Config) *unknowns {
	met, _ := lru.New[chat.Feature, *meeting](maxFeatures) // it fails only without a size
	heard, _ := lru.New[chat.Feature, time.Time](maxFeatures)
	return &unknowns{cfg: cfg, now: time.Now, met: met, heard: heard}
}

// isNews reports whether announcements of a feature are to be logged: once a minute.
func (u *unknowns) isNews(f chat.Feature) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if logged, ok := u.heard.Get(f); ok && u.now().Sub(logged) < time.Minute {
		return false
	}
	u.heard.Add(f, u.now())
	return true
}

// meet starts the clock of a feature, if it does not run yet.
func (u *unknowns) meet(f chat.Feature) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.meeting(f)
}

func (u *unknowns) meeting(f chat.Feature) *meeting {
	m, ok := u.met.Get(f)
	if !ok {
		m = &meeting{first: u.now()}
		u.met.Add(f, m)
	}
	return m
}

// judge decides what becomes of entries that need a feature. It logs each decision that differs from the last one.
func (u *unknowns) judge(ctx context.Context, f chat.Feature) verdict {
	e := u.gather(ctx, f)
	v := e.verdict(u.cfg.UnknownLimit)
	u.mu.Lock()
	m := u.meeting(f)
	news := !m.logged || m.last != v
	m.logged, m.last = true, v
	u.mu.Unlock()
	if news {
		u.cfg.Log.WarnContext(ctx, "the intake has entries that this version of the server does not know",
			slog.String("feature", string(f)), slog.String("decision", v.String()), slog.Bool("switched_on", e.switched),
			slog.Bool("known_by_a_live_node", e.alive), slog.Bool("ever_known", e.ever))
	}
	return v
}

// gather collects the evidence. It asks the store only if that can change the verdict, and remembers a switch.
func (u *unknowns) gather(ctx context.Context, f chat.Feature) evidence {
	u.mu.Lock()
	m := u.meeting(f)
	e := evidence{switched: m.switched, age: u.now().Sub(m.first)}
	u.mu.Unlock()
	if peers := u.cfg.Peers; peers != nil {
		e.alive = len(peers.Knowing(f, peer.Expiry, u.now())) > 0
		e.ever = peers.EverKnown(f)
	}
	if u.cfg.Switched == nil || e.switched || e.alive {
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	on, err := u.cfg.Switched(ctx, f)
	if e.switched, e.uncertain = on && err == nil, err != nil; e.switched {
		u.mu.Lock()
		u.meeting(f).switched = true
		u.mu.Unlock()
	}
	return e
}

// inUse reports whether a feature is switched on, or known to a node that is alive, or may be switched on.
func (u *unknowns) inUse(ctx context.Context, f chat.Feature) bool {
	e := u.gather(ctx, f)
	return e.switched || e.alive || e.uncertain
}

// askLimit is how long the store may take to say whether a feature is switched on.
const askLimit = 5 * time.Second

// unknownReason is the reason of the dead letter of an entry that no node has known.
func unknownReason(unknown *chat.UnknownError, limit time.Duration) error {
	what := fmt.Sprintf("unknown kind %q", unknown.Kind)
	if unknown.Feature() != chat.OfKind(unknown.Kind) {
		what = fmt.Sprintf("unknown version %d", unknown.Version)
	}
	return &errs.Error{Code: errs.Invalid, Msg: fmt.Sprintf("%s: no node has known it for %v", what, limit)}
}
