package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/load"
	"restante/internal/testkit"
)

// followers send to each room one message after the other: each after the 2xx of the previous one, and through the next
// node.
type followers struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// follow starts a follower for each room. stop must be called.
func follow(t *testing.T, w *work, nodes ...*testkit.Server) *followers {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &followers{cancel: cancel}
	t.Cleanup(f.stop)
	for _, r := range w.rooms {
		f.running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				send := load.Send{ID: uuid.Must(uuid.NewV7()).String(), Room: r.name, ClientID: "follower", Text: load.TimedText(64), Begun: time.Now()}
				for ; !try(t, nodes[n%len(nodes)], &send); n++ {
					if ctx.Err() != nil {
						break
					}
				}
				r.more = append(r.more, send)
				select {
				case <-time.After(5 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	return f
}

// try posts a message once and reports whether it was accepted.
func try(t *testing.T, node *testkit.Server, send *load.Send) bool {
	send.Attempts++
	status, err := load.Post(t.Context(), node.URL(), send)
	if status != 202 {
		select { // a node that is down refuses the connection at once
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
		}
		if status != 503 && err == nil {
			t.Errorf("post: status %d", status)
		}
		return false
	}
	send.Accepted = time.Now()
	return true
}

// stop ends the followers, and adds their sends to the evidence of the rooms.
func (f *followers) stop() {
	f.cancel()
	f.running.Wait()
}
