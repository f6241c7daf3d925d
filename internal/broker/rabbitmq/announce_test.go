package rabbitmq_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/testkit"
)

// What is announced at once may be larger than what may wait for a confirm, and several do it at the same time over the
// same channel: nobody waits for room that he takes himself.
func TestDriver_AnnouncesMoreThanItsWindow(t *testing.T) {
	d := open(t, rabbitmq.Config{URLs: testkit.VHost(t)})
	long := strings.Repeat("x", 30<<10)
	var announcing sync.WaitGroup
	began := time.Now()
	for range 4 {
		stored := make([]chat.Message, 150)
		for i := range stored {
			now := chat.Micros(time.Now())
			stored[i] = chat.Message{
				ID: uuid.NewString(), Room: "lobby", Seq: int64(i + 1), ClientID: "ann", Msg: fmt.Sprint(i, long), SentAt: now, StoredAt: now,
			}
		}
		announcing.Go(func() {
			if err := d.Announce(t.Context(), stored); err != nil {
				t.Errorf("announce 4.5 MB: %v", err)
			}
		})
	}
	announcing.Wait()
	t.Logf("took %v", time.Since(began))
}
