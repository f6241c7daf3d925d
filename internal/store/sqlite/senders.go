package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"restante/internal/chat"
)

// maxSenders bounds the senders that are remembered, by their names and by their numbers.
const maxSenders = 10_000

const selectName = "SELECT name FROM senders WHERE id = ?"

// sender returns the number of a sender, and gives them one if they have none.
func (w *writer) sender(ctx context.Context, name string) (int64, error) {
	if id, ok := w.senders[name]; ok {
		return id, nil
	}
	var id int64
	err := w.tx.findSender.QueryRowContext(ctx, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		var res sql.Result
		if res, err = w.tx.addSender.ExecContext(ctx, name); err == nil {
			id, err = res.LastInsertId()
		}
	}
	if err != nil {
		return 0, fmt.Errorf("find sender: %w", err)
	}
	w.senders[strings.Clone(name)] = id
	return id, nil
}

// senderNames remembers the names of senders by their numbers: reading a name with each message takes a quarter of the time of a page. A
// number never gets another name once its transaction is committed, so the writer, which sees its own transaction, has names of its
// own and drops them when one fails. Methods may be called concurrently.
type senderNames struct {
	find *sql.Stmt // selectName

	mu    sync.RWMutex
	known map[int64]string
}

func newNames(find *sql.Stmt) *senderNames {
	return &senderNames{find: find, known: map[int64]string{}}
}

// put sets the senders of messages, given their numbers. It blocks while it reads names that are not known.
func (n *senderNames) put(ctx context.Context, messages []chat.Message, senders []int64) error {
	for from := 0; from < len(messages); {
		from = n.putKnown(messages, senders, from)
		if from == len(messages) {
			break
		}
		var name string
		if err := n.find.QueryRowContext(ctx, senders[from]).Scan(&name); err != nil {
			return fmt.Errorf("read the name of a sender: %w", err)
		}
		n.mu.Lock()
		if len(n.known) >= maxSenders {
			clear(n.known)
		}
		n.known[senders[from]] = name
		n.mu.Unlock()
	}
	return nil
}

// putKnown sets the senders from an index on, and returns the index of the first message whose sender is not known.
func (n *senderNames) putKnown(messages []chat.Message, senders []int64, from int) int {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for i := from; i < len(messages); i++ {
		name, ok := n.known[senders[i]]
		if !ok {
			return i
		}
		messages[i].ClientID = name
	}
	return len(messages)
}
