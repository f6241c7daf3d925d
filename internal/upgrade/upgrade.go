// Package upgrade lets versions run side by side. It switches a feature on in the store once every node knows it, and ends
// a node that does not know a feature which is switched on. A switch is never taken back. See
// docs/decisions/0020-versions-side-by-side.md. In the journey it stands beside the store: what needs a feature asks here
// whether the feature may be used, or was ever used.
package upgrade

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/retry"
	"restante/internal/store/driver"
)

const (
	interval = 2 * time.Second  // about how often Run reads the switches and checks the nodes
	maxGap   = 10 * time.Second // between two rounds of Run; after a longer one the node may have missed heartbeats
	askEvery = time.Second      // the shortest time between two reads for Switched
)

// Store keeps the switches; store.Store is one.
type Store interface {
	Switches(ctx context.Context) ([]driver.Switch, error)
	SwitchOn(ctx context.Context, f chat.Feature, release string) error
}

// Config configures a Switcher.
type Config struct {
	Release string       // this node's version, written beside the switches that it turns on
	Peers   *peer.Table  // what this node has heard of the others; nil: it is the only node
	Log     *slog.Logger // default: discard
}

// Switcher knows which features are switched on, and switches on those that every node knows. Its methods may be called
// concurrently.
type Switcher struct {
	store Store
	cfg   Config
	added []chat.Feature // those that have a switch

	mu sync.RWMutex
	on map[chat.Feature]bool

	asking chan struct{} // buffered: one element, held by the Switched that reads the store
	asked  time.Time     // when Switched last read the store; under asking
	askErr error         // the error of that read; under asking

	listening, lastRound time.Time // of Run: since when it has heard heartbeats without interruption, zero if it does not
	failing              bool      // of Run: the last round failed
}

// New returns a Switcher that knows of no switch yet.
func New(store Store, cfg Config) *Switcher {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Switcher{
		store: store, cfg: cfg, added: chat.AddedFeatures(),
		on: make(map[chat.Feature]bool), asking: make(chan struct{}, 1),
	}
}

// On reports whether a feature is known to be switched on. It does not block. Base features have no switch.
func (s *Switcher) On(f chat.Feature) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.on[f]
}

// Switched reports whether a feature is switched on, also one that this version does not know. It reads the store unless
// the feature is known to be on, or the store was read within the last second. The error says that the store could not be
// read: then the feature may be on.
func (s *Switcher) Switched(ctx context.Context, f chat.Feature) (bool, error) {
	if s.On(f) {
		return true, nil
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if time.Since(s.asked) >= askEvery {
		_, s.askErr = s.read(ctx)
		s.asked = time.Now()
	}
	if s.On(f) {
		return true, nil
	}
	return false, s.askErr
}

// Run reads the switches every few seconds, and switches on the features of this version when every node knows them. It
// returns nil when ctx is done, and an error when the store needs a newer version, such as for a feature that is switched on
// and not known here: the node must not go on. While the store cannot be read it keeps trying.
func (s *Switcher) Run(ctx context.Context) error {
	pauses := retry.NewBackoff(interval, interval)
	for {
		s.listen(time.Now())
		switches, err := s.read(ctx)
		if err == nil {
			err = driver.CheckSwitches(switches)
		}
		if driver.NeedsNewerVersion(err) { // the store says it, too, when it was away at the start
			return err
		}
		if err == nil {
			err = s.switchOn(ctx)
		}
		s.note(ctx, err)
		if pauses.Wait(ctx) != nil {
			return nil
		}
	}
}

// read reads the switches and remembers them.
func (s *Switcher) read(ctx context.Context) ([]driver.Switch, error) {
	switches, err := s.store.Switches(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the switches: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, written := range switches {
		s.on[written.Feature] = true
	}
	return switches, nil
}

// switchOn switches on the features that every node knows.
func (s *Switcher) switchOn(ctx context.Context) error {
	for _, f := range s.added {
		if s.On(f) || !s.everyNodeKnows(f, time.Now()) {
			continue
		}
		if err := s.store.SwitchOn(ctx, f, s.cfg.Release); err != nil {
			return fmt.Errorf("switch on %s: %w", f, err)
		}
		s.mu.Lock()
		s.on[f] = true
		s.mu.Unlock()
		s.cfg.Log.InfoContext(ctx, "feature switched on", slog.String("feature", string(f)), slog.String("release", s.cfg.Release))
	}
	return nil
}

// everyNodeKnows reports whether each node that does not know the feature has said goodbye or was silent for the whole of
// silence. To know this, this node must have listened for as long.
func (s *Switcher) everyNodeKnows(f chat.Feature, now time.Time) bool {
	if s.cfg.Peers == nil {
		return true
	}
	return !s.listening.IsZero() && now.Sub(s.listening) >= silence && len(s.cfg.Peers.Lacking(f, silence, now)) == 0
}

// listen notes whether this node hears heartbeats. It does if it hears its own, which come back over the broker.
func (s *Switcher) listen(now time.Time) {
	if s.cfg.Peers == nil {
		return
	}
	gap := now.Sub(s.lastRound)
	s.lastRound = now
	switch {
	case !s.cfg.Peers.IsAlive(s.cfg.Peers.Self().ID, now):
		s.listening = time.Time{}
	case s.listening.IsZero(), gap > maxGap:
		s.listening = now
	}
}

// note logs the first failure of an outage, and its end.
func (s *Switcher) note(ctx context.Context, err error) {
	switch failed := err != nil; {
	case ctx.Err() != nil || failed == s.failing:
		return
	case failed:
		s.cfg.Log.WarnContext(ctx, "switches of features not read or written, trying again", slog.Any("error", err))
	default:
		s.cfg.Log.InfoContext(ctx, "switches of features read again")
	}
	s.failing = err != nil
}
