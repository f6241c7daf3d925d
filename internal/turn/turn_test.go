package turn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/turn"
)

func TestTurns_AreTakenInTheOrderOfComing(t *testing.T) {
	for reads, most := range map[int]int{3: 3, 0: turn.Default, -1: 100} {
		synctest.Test(t, func(t *testing.T) {
			turns := turn.New(turn.Config{Reads: reads})
			var order []int
			var ends []func()
			for i := range 100 {
				go func() {
					done, err := turns.Take(t.Context())
					if err != nil {
						t.Errorf("take: %v", err)
						return
					}
					order, ends = append(order, i), append(ends, done)
				}()
				synctest.Wait()
			}
			if len(order) != most {
				t.Errorf("Reads %d: %d reads at once, want %d", reads, len(order), most)
			}
			for i := 0; i < len(ends); i++ {
				ends[i]()
				synctest.Wait()
			}
			for i, got := range order {
				if got != i {
					t.Fatalf("Reads %d: the order is %v", reads, order)
				}
			}
			if len(order) != 100 {
				t.Errorf("Reads %d: %d of 100 had a turn", reads, len(order))
			}
		})
	}
}

func TestTurns_WhoGivesUpKeepsNoTurn(t *testing.T) {
	reg := prometheus.NewRegistry()
	turns := turn.New(turn.Config{Reads: 1, Metrics: reg})
	done, err := turns.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := turns.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("take: %v", err)
	}
	done()
	done, err = turns.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done()
	want := `# HELP restante_catchup_waiting Reads of history that wait for their turn.
# TYPE restante_catchup_waiting gauge
restante_catchup_waiting 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "restante_catchup_waiting"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "restante_catchup_wait_seconds"); n != 1 || err != nil {
		t.Errorf("the waiting is not measured: %d, %v", n, err)
	}
}
