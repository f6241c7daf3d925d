package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
)

type req struct {
	b    []chat.Message
	done chan error
}

func TestGroup(t *testing.T) {
	for range 2 {
		for _, nodes := range []int{1, 3} {
			for _, size := range []int{1, 8, 60} {
				for _, writers := range []int{0, 1, 2} {
					group(t, nodes, size, writers)
				}
			}
		}
	}
}

func group(t *testing.T, nodes, size, writers int) {
	url := database(t)
	var stop sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var rows, calls atomic.Int64
	var mu sync.Mutex
	var lat []time.Duration
	for node := range nodes {
		d, err := Open(t.Context(), url, Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		q := make(chan *req, 100)
		for range writers {
			go func() {
				for r := range q {
					g := []*req{r}
					n := len(r.b)
				more:
					for n < 1000 {
						select {
						case r, ok := <-q:
							if !ok {
								break more
							}
							g = append(g, r)
							n += len(r.b)
						default:
							break more
						}
					}
					var all []chat.Message
					for _, r := range g {
						all = append(all, r.b...)
					}
					b, _ := newBatch(all)
					err := d.put(context.Background(), b)
					for _, r := range g {
						r.done <- err
					}
				}
			}()
		}
		defer close(q)
		for p := range 8 / nodes {
			stop.Go(func() {
				for ctx.Err() == nil {
					b := make([]chat.Message, size)
					for i := range b {
						b[i] = chat.Message{ID: uuid.Must(uuid.NewV7()).String(), Room: fmt.Sprintf("room-%d-%d", node*8+p, rand.IntN(8)), ClientID: "bench", Msg: strings.Repeat("x", 200), SentAt: time.Now()}
					}
					start := time.Now()
					var err error
					if writers == 0 {
						_, err = d.Append(t.Context(), b)
					} else {
						r := &req{b, make(chan error, 1)}
						q <- r
						err = <-r.done
					}
					if err != nil {
						t.Error(err)
						return
					}
					rows.Add(int64(size))
					calls.Add(1)
					mu.Lock()
					lat = append(lat, time.Since(start))
					mu.Unlock()
				}
			})
		}
	}
	stop.Wait()
	slices.Sort(lat)
	fmt.Printf("nodes %d batch %d writers %d: %6d rows/s p50 %v p99 %v\n", nodes, size, writers, rows.Load()/2, lat[len(lat)/2].Round(10*time.Microsecond), lat[len(lat)*99/100].Round(10*time.Microsecond))
}
