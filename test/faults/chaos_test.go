package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// While senders send, the network cuts, stalls, slows and half-closes connections. Readers join at random cursors,
// leave and come back with their cursors. Each sees each number after its cursor exactly once, in order.
func TestChaos_EveryReaderSeesEachNumberOnceInOrder(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		seeds := uint64(4)
		if rig.Name != embedded {
			seeds = 2 // each seed takes longer
		}
		for seed := range seeds {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { chaos(t, rig, seed) })
		}
	})
}

func chaos(t *testing.T, rig testkit.Rig, seed uint64) {
	dice := seeded(t, seed)
	s := rig.Start(t, testkit.Options{})
	proxy := testkit.StartProxy(t, s.Addr())
	before := fill(t, s.URL(), "lobby", 1000)
	stayers := startReaders(t, 10, load.ReaderConfig{URL: proxy.URL(), Reconnect: true, After: dice.Int64N(1000)})
	senders := startSenders(t, load.SenderConfig{URL: proxy.URL(), Senders: 8, Every: 2 * time.Millisecond, Timeout: 2 * time.Second})

	var readings []load.Reading
	var mu sync.Mutex
	var comers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 10 {
		own := rand.New(rand.NewPCG(dice.Uint64(), seed))
		comers.Go(func() {
			seen := comeAndGo(ctx, t, own, proxy.URL())
			mu.Lock()
			defer mu.Unlock()
			readings = append(readings, seen...)
		})
	}
	for range 40 {
		disturb(ctx, dice, proxy)
	}
	calm(proxy)
	sends := append(before, senders.Stop()...)
	stop()
	comers.Wait()
	last := waitStored(t, s, "lobby", sends)
	noError(t, stayers.WaitSeq(within(t, 30*time.Second), last))
	report := s.Check("lobby", sends, append(readings, stayers.Stop()...))
	t.Logf("%s; answers %v", &report, senders.Answers())
}

// comeAndGo reads for random times. Each time it begins at its last position, after a pause.
func comeAndGo(ctx context.Context, t *testing.T, dice *rand.Rand, url string) []load.Reading {
	var all []load.Reading
	after := dice.Int64N(1000)
	for ctx.Err() == nil {
		r, err := load.NewReader(load.ReaderConfig{URL: url, After: after, Reconnect: true, Backoff: 10 * time.Millisecond, IDs: true})
		if err != nil {
			t.Error(err)
			break
		}
		stay, cancel := context.WithTimeout(ctx, time.Duration(dice.IntN(300))*time.Millisecond)
		seen := r.Run(stay)
		cancel()
		seen.Left = true
		all = append(all, seen)
		after = seen.Last
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(dice.IntN(100)) * time.Millisecond):
		}
	}
	return all
}

// disturb causes one fault of the network for a moment.
func disturb(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	d := testkit.Direction(dice.IntN(2))
	switch dice.IntN(5) {
	case 0:
		p.Cut()
	case 1:
		p.Stall(d)
		defer p.Resume(d)
	case 2:
		p.Slow(d, 1000+dice.IntN(100_000))
		defer p.Slow(d, 0)
	case 3:
		p.HalfClose(d)
	case 4:
		p.Refuse(true)
		defer p.Refuse(false)
	}
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(10+dice.IntN(100)) * time.Millisecond):
	}
}

func calm(p *testkit.Proxy) {
	for _, d := range []testkit.Direction{testkit.Up, testkit.Down} {
		p.Resume(d)
		p.Slow(d, 0)
	}
	p.Refuse(false)
}
