package sqlite

import (
	"bytes"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
)

func newMessage(room, text string) chat.Message {
	return chat.Message{ID: uuid.NewString(), Room: room, ClientID: "ann", Msg: text, SentAt: chat.Micros(time.Now())}
}

// fresh returns the batch with new ids.
func fresh(batch []chat.Message) []chat.Message {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].ID = uuid.NewString()
	}
	return batch
}

// wantLog checks that room a has the numbers 1 to n.
func wantLog(t *testing.T, d *Driver, n int) {
	t.Helper()
	seq := int64(0)
	for {
		page, err := d.After(t.Context(), "a", seq, chat.MaxPage)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		for _, m := range page {
			if seq++; m.Seq != seq {
				t.Fatalf("number %d where %d was due", m.Seq, seq)
			}
		}
		if len(page) == 0 {
			break
		}
	}
	if seq != int64(n) {
		t.Errorf("%d messages, want %d", seq, n)
	}
}

// lines are the lines of a log.
type lines struct{ bytes.Buffer }

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
