package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/store/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// feature stands for one that this version has added: releases have none yet, and Run accepts only features that the
// version knows.
const feature = chat.FeatureSeqCursors

// memory is a Store whose failures a test chooses.
type memory struct {
	mu       sync.Mutex
	switches []driver.Switch
	err      error
	reads    int
}

func (m *memory) Switches(context.Context) ([]driver.Switch, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	return append([]driver.Switch(nil), m.switches...), m.err
}

func (m *memory) SwitchOn(_ context.Context, f chat.Feature, release string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.switches = append(m.switches, driver.Switch{Feature: f, Release: release, At: time.Now()})
	}
	return m.err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) write(f chat.Feature) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.switches = append(m.switches, driver.Switch{Feature: f, Release: "v9.0.0"})
}

func (m *memory) written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.switches)
}

// cluster is a node that hears heartbeats, in a bubble of synctest.
type cluster struct {
	t     *testing.T
	store *memory
	table *peer.Table
	s     *Switcher
	ended chan error

	mu    sync.Mutex
	beats map[string]peer.Node // the nodes whose heartbeats arrive
}

// newer is a node that knows feature, older one that does not.
func newer(id string) peer.Node { return peer.Node{ID: id, Knows: chat.BaseFeatures()} }

func older(id string) peer.Node {
	return peer.Node{ID: id, Knows: []chat.Feature{chat.FeatureEnvelope1, chat.FeatureMessages}}
}

// start starts the node "self" in a cluster where the heartbeats of others arrive, too.
func start(t *testing.T, others ...peer.Node) *cluster {
	self := newer("self")
	c := &cluster{
		t: t, store: &memory{}, table: peer.NewTable(self), ended: make(chan error, 1),
		beats: map[string]peer.Node{"self": self},
	}
	for _, n := range others {
		c.beats[n.ID] = n
	}
	c.s = New(c.store, Config{Release: "v2.0.0", Peers: c.table})
	c.s.added = []chat.Feature{feature}
	var running sync.WaitGroup
	running.Go(func() { c.beat(t.Context()) })
	running.Go(func() { c.ended <- c.s.Run(t.Context()) })
	t.Cleanup(running.Wait)
	return c
}

func (c *cluster) beat(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		for _, n := range c.beats {
			c.table.Heard(n, time.Now())
		}
		c.mu.Unlock()
		select {
		case <-time.After(peer.Interval):
		case <-ctx.Done():
		}
	}
}

// hear makes the heartbeats of nodes arrive from now on, and mute ends that.
func (c *cluster) hear(nodes ...peer.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range nodes {
		c.beats[n.ID] = n
	}
}

func (c *cluster) mute(ids ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		delete(c.beats, id)
	}
}

func (c *cluster) wantOn(want bool, after string) {
	c.t.Helper()
	synctest.Wait()
	if got := c.s.On(feature); got != want || c.store.written() > 1 || (c.store.written() == 1) != want {
		c.t.Errorf("%s: on %v, %d times written; want on %v", after, got, c.store.written(), want)
	}
}

// rounds is more than the time of a few rounds of Run.
const rounds = 4 * interval

func TestSwitcher_ANewNodeListensFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, newer("far"))
		time.Sleep(silence - time.Second) // fake time
		c.wantOn(false, "before the end of silence")
		time.Sleep(rounds) // fake time
		c.wantOn(true, "after it")
		if got := c.store.switches[0]; got.Feature != feature || got.Release != "v2.0.0" {
			t.Errorf("written is %+v", got)
		}
	})
}

func TestSwitcher_ASilentNodeMayComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, older("old"))
		time.Sleep(3 * silence) // fake time
		c.wantOn(false, "beside a node that does not know the feature")
		c.mute("old")
		time.Sleep(silence - time.Second) // fake time
		c.wantOn(false, "when that node has been silent for a while")
		c.hear(older("old"))
		time.Sleep(time.Second) // fake time
		c.mute("old")
		time.Sleep(silence - 2*time.Second) // fake time
		c.wantOn(false, "when it is silent again after a heartbeat")
		time.Sleep(rounds) // fake time
		c.wantOn(true, "after its silence")
	})
}

func TestSwitcher_AGoodbyeCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, older("old"))
		time.Sleep(2 * silence) // fake time
		c.wantOn(false, "beside a node that does not know the feature")
		c.mute("old")
		c.table.Left("old")
		time.Sleep(rounds) // fake time
		c.wantOn(true, "after its goodbye")
	})
}

func TestSwitcher_ANodeThatHearsNoNodeDoesNotSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, older("old"))
		time.Sleep(2 * silence) // fake time
		c.mute("self", "old")   // the connection to the broker is lost
		time.Sleep(2 * silence) // fake time
		c.wantOn(false, "without heartbeats, not even its own")
		c.hear(newer("self"))
		time.Sleep(silence - time.Second) // fake time
		c.wantOn(false, "when it has listened again for a while")
		time.Sleep(rounds) // fake time
		c.wantOn(true, "when it has listened for the whole of silence")
	})
}

func TestSwitcher_AGapBetweenRoundsInterruptsListening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(&memory{}, Config{Peers: peer.NewTable(newer("self"))})
		listen := func() time.Time {
			s.cfg.Peers.Heard(newer("self"), time.Now())
			s.listen(time.Now())
			return s.listening
		}
		first := listen()
		time.Sleep(maxGap) // fake time
		if listen() != first {
			t.Error("an ordinary pause interrupts listening")
		}
		time.Sleep(maxGap + 1) // fake time: the process was stopped
		if listen() == first {
			t.Error("a long pause does not interrupt listening")
		}
	})
}

func TestSwitcher_TheOnlyNodeSwitchesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		s := New(store, Config{Release: "v2.0.0"})
		s.added = []chat.Feature{feature}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		if !s.On(feature) || store.written() != 1 {
			t.Errorf("on %v, %d times written", s.On(feature), store.written())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestSwitcher_KeepsTryingWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		c.store.fail(errors.New("connection refused"))
		time.Sleep(2 * silence) // fake time
		if c.s.On(feature) || len(c.ended) > 0 {
			t.Fatal("a store that fails ended Run or switched a feature on")
		}
		c.store.fail(nil)
		time.Sleep(rounds) // fake time
		c.wantOn(true, "after the outage")
	})
}

func TestSwitcher_AnUnknownSwitchEndsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		time.Sleep(rounds) // fake time
		c.store.write("kind:unheard")
		time.Sleep(rounds) // fake time
		synctest.Wait()
		select {
		case err := <-c.ended:
			if err == nil || !strings.Contains(err.Error(), "v9.0.0") || !strings.Contains(err.Error(), "kind:unheard") {
				t.Errorf("Run ended with %v", err)
			}
		default:
			t.Error("Run goes on")
		}
	})
}

func TestSwitcher_AStoreThatComesLateMayNeedANewerVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{err: errors.New("away")}
		ended := make(chan error, 1)
		go func() { ended <- New(store, Config{}).Run(t.Context()) }()
		time.Sleep(time.Minute) // fake time
		late := driver.CheckSwitches([]driver.Switch{{Feature: "kind:unheard-of", Release: "v9.0.0"}})
		store.fail(fmt.Errorf("read: %w", late)) // as a driver answers that has checked the database in the background
		if err := <-ended; !driver.NeedsNewerVersion(err) || !strings.Contains(err.Error(), "v9.0.0") {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestSwitcher_SwitchedAsksTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		s := New(store, Config{})
		want := func(f chat.Feature, on, fails bool, reads int) {
			t.Helper()
			if got, err := s.Switched(t.Context(), f); got != on || (err != nil) != fails || store.reads != reads {
				t.Errorf("%s: %v, %v after %d reads; want %v after %d", f, got, err, store.reads, on, reads)
			}
		}
		want("kind:unheard", false, false, 1)
		store.write("kind:unheard")
		want("kind:unheard", false, false, 1) // too soon to read again
		time.Sleep(askEvery)                  // fake time
		want("kind:unheard", true, false, 2)
		want("kind:unheard", true, false, 2) // a switch stays on
		time.Sleep(askEvery)                 // fake time
		store.fail(errors.New("connection refused"))
		want("kind:unheard", true, false, 2)
		want("kind:other", false, true, 3)
		want("kind:other", false, true, 3) // as unknown as a moment ago
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s.asking <- struct{}{} // another call reads
		if _, err := s.Switched(ctx, "kind:other"); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that has ended waits for another one: %v", err)
		}
	})
}
