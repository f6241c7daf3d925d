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

// TestDriver_AnnouncesMoreThanItsWindow: one announcement may be larger than the window of a sender, and several share a
// sender. None waits for space that its own messages fill.
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
