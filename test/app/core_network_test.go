package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"restante/internal/testkit"
)

// networkFault causes one kind of fault in a network for a moment.
type networkFault func(ctx context.Context, dice *rand.Rand, p *testkit.Proxy)

func cut(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Cut()
	pause(ctx, dice, 100, 400)
}

// loseAnswers lets requests reach the server, and drops the answers.
func loseAnswers(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Stall(testkit.Down)
	pause(ctx, dice, 50, 150)
	p.Cut()
	p.Resume(testkit.Down)
	pause(ctx, dice, 50, 400)
}

func stall(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Stall(testkit.Up)
	p.Stall(testkit.Down)
	pause(ctx, dice, 200, 900)
	p.Resume(testkit.Up)
	p.Resume(testkit.Down)
	pause(ctx, dice, 50, 200)
}

func halfClose(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.HalfClose(testkit.Direction(dice.IntN(2)))
	pause(ctx, dice, 100, 400)
}

func slow(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	d := testkit.Direction(dice.IntN(2))
	p.Slow(d, 2_000+dice.IntN(50_000))
	pause(ctx, dice, 200, 600)
	p.Slow(d, 0)
}

func refuse(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Refuse(true)
	p.Cut()
	pause(ctx, dice, 100, 500)
	p.Refuse(false)
	pause(ctx, dice, 50, 300)
}

// pause waits for a random time, in milliseconds.
func pause(ctx context.Context, dice *rand.Rand, least, most int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(least+dice.IntN(most-least)) * time.Millisecond):
	}
}

// faultTasks lets a scenario begin and end network faults.
func faultTasks(t *testing.T, seed uint64, p *testkit.Proxy, kinds ...networkFault) tasks {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	return tasks{
		"storm": func(string) string {
			dice := rand.New(rand.NewPCG(seed, seed))
			go func() {
				defer close(over)
				for ctx.Err() == nil {
					kinds[dice.IntN(len(kinds))](ctx, dice, p)
				}
			}()
			t.Cleanup(func() { cancel(); <-over })
			return done
		},
		"calm": func(string) string {
			cancel()
			<-over
			return done
		},
	}
}

func TestCore_EachNetworkFault(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]networkFault{
		"cuts": {cut}, "lost answers": {loseAnswers}, "stalls": {stall}, "half-closed": {halfClose}, "slow": {slow}, "refused": {refuse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playWithFaults(t, testkit.Start(t, testkit.Options{}), 1, kinds...)
		})
	}
}

func TestCore_AllNetworkFaults(t *testing.T) {
	t.Parallel()
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				playWithFaults(t, rig.Start(t, testkit.Options{}), seed, cut, loseAnswers, stall, halfClose, slow, refuse)
			})
		}
	})
}

func playWithFaults(t *testing.T, s *testkit.Server, seed uint64, kinds ...networkFault) {
	p := testkit.StartProxy(t, s.Addr())
	play(t, "weather", seed, s, p, faultTasks(t, seed, p, kinds...))
}
