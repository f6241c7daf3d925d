package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"restante/internal/testkit"
)

// weather is what may happen to a network. Each does it for a moment.
type weather func(ctx context.Context, dice *rand.Rand, p *testkit.Proxy)

func cut(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Cut()
	pass(ctx, dice, 100, 400)
}

// loseAnswers lets requests through to the server, and nothing back.
func loseAnswers(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Stall(testkit.Down)
	pass(ctx, dice, 50, 150)
	p.Cut()
	p.Resume(testkit.Down)
	pass(ctx, dice, 50, 400)
}

func stall(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Stall(testkit.Up)
	p.Stall(testkit.Down)
	pass(ctx, dice, 200, 900)
	p.Resume(testkit.Up)
	p.Resume(testkit.Down)
	pass(ctx, dice, 50, 200)
}

func halfClose(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.HalfClose(testkit.Direction(dice.IntN(2)))
	pass(ctx, dice, 100, 400)
}

func slow(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	d := testkit.Direction(dice.IntN(2))
	p.Slow(d, 2_000+dice.IntN(50_000))
	pass(ctx, dice, 200, 600)
	p.Slow(d, 0)
}

func refuse(ctx context.Context, dice *rand.Rand, p *testkit.Proxy) {
	p.Refuse(true)
	p.Cut()
	pass(ctx, dice, 100, 500)
	p.Refuse(false)
	pass(ctx, dice, 50, 300)
}

// pass lets some time pass, in milliseconds.
func pass(ctx context.Context, dice *rand.Rand, least, most int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(least+dice.IntN(most-least)) * time.Millisecond):
	}
}

// storms lets a scenario begin and end bad weather.
func storms(t *testing.T, seed uint64, p *testkit.Proxy, kinds ...weather) tasks {
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

func TestCore_Weather(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]weather{
		"cuts": {cut}, "lost answers": {loseAnswers}, "stalls": {stall}, "half-closed": {halfClose}, "slow": {slow}, "refused": {refuse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endure(t, testkit.Start(t, testkit.Options{}), 1, kinds...)
		})
	}
}

func TestCore_AnyWeather(t *testing.T) {
	t.Parallel()
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		for seed := range uint64(2) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				endure(t, rig.Start(t, testkit.Options{}), seed, cut, loseAnswers, stall, halfClose, slow, refuse)
			})
		}
	})
}

func endure(t *testing.T, s *testkit.Server, seed uint64, kinds ...weather) {
	p := testkit.StartProxy(t, s.Addr())
	play(t, "weather", seed, s, p, storms(t, seed, p, kinds...))
}
