package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

const (
	answerTimeout = 30 * time.Second // for the broker's confirm of one message

	// maxScan is how many letters an operation reads: the broker delivers no more to one reader.
	maxScan = 65535
	// maxPeeks is how often a letter is read before it is published to the queue anew. A queue that was declared on RabbitMQ
	// 3 has a delivery limit of 20 since its upgrade to 4: beyond it the broker drops the letter.
	maxPeeks = 10
	// maxAcks is how many acknowledgements may be on their way. A quorum queue's channel keeps back what exceeds 32, and
	// forgets it when it is closed: the letters would be in the queue again.
	maxAcks = 16
	// maxFailed is how many letters may fail before the rest is not tried any more.
	maxFailed = 10
)

// Queue is the queue of dead letters, for an operator. It has its own connection and needs no node. Its methods are called
// one at a time; when ctx ends they end too, and after that only Close works. Errors are classified: errs.NotFound when
// there is no such letter, or no queue; errs.Unavailable when the broker cannot be reached; errs.Forbidden when it refuses
// this user; errs.Invalid for a malformed URL.
type Queue struct {
	conn       *amqp.Connection
	partitions int // 0 until a replay has read their number
}

// Content is a letter with what it holds.
type Content struct {
	Letter
	ContentType string
	Headers     map[string]any // those of the message, and those that restante has added
	Body        []byte
}

// Pick says which letters are meant: all, or those with one of the ids, of the letter or of the message in it.
type Pick struct {
	All bool
	IDs []string
}

func (p *Pick) has(l *Letter) bool { return p.All || slices.ContainsFunc(p.IDs, l.is) }

func (l *Letter) is(id string) bool { return id != "" && (l.ID == id || l.MessageID == id) }

// Open connects to the first of the addresses of a broker that answers.
func Open(ctx context.Context, urls []string) (*Queue, error) {
	conn, err := link.DialOnce(ctx, urls, "restante dead")
	if err != nil {
		return nil, err
	}
	return &Queue{conn: conn}, nil
}

// Close ends the connection.
func (q *Queue) Close() error {
	if err := q.conn.CloseDeadline(time.Now().Add(link.OnceTimeout)); err != nil && !errors.Is(err, amqp.ErrClosed) {
		return fmt.Errorf("close the connection to the broker: %w", err)
	}
	return nil
}

// List returns the oldest letters, at most limit of them, and how many there are. It removes nothing. Letters that
// another reader has at the moment are not in the list.
func (q *Queue) List(ctx context.Context, limit int) (letters []Letter, total int, err error) {
	total, err = q.scan(ctx, maxScan, func(s *scan, l *Letter, _ *amqp.Delivery) error {
		letters = append(letters, *l)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list dead letters: %w", err)
	}
	slices.SortStableFunc(letters, older)
	return letters[:min(limit, len(letters))], total, nil
}

func older(a, b Letter) int {
	return cmp.Or(a.DiedAt.Compare(b.DiedAt), strings.Compare(a.ID, b.ID))
}

// Get returns the letters with an id, that of the letter or that of the message in it. It removes nothing.
func (q *Queue) Get(ctx context.Context, id string) ([]Content, error) {
	var found []Content
	_, err := q.scan(ctx, maxScan, func(_ *scan, l *Letter, delivery *amqp.Delivery) error {
		if l.is(id) {
			found = append(found, Content{*l, delivery.ContentType, delivery.Headers, delivery.Body})
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = unknown([]string{id})
	}
	if err != nil {
		return nil, fmt.Errorf("find a dead letter: %w", err)
	}
	slices.SortStableFunc(found, func(a, b Content) int { return older(a.Letter, b.Letter) })
	return found, nil
}

// Drop removes letters for good and returns how many it has removed. It reads the letters that are in the queue
// when it begins.
func (q *Queue) Drop(ctx context.Context, pick Pick) (int, error) {
	return q.forEach(ctx, pick, func(s *scan, _ *Letter, delivery *amqp.Delivery) error {
		return s.remove(delivery)
	})
}

// Replay sends letters on their way again, each to where it came from, with the same id, and returns how many it has
// sent. A letter is removed when the broker has confirmed the message: one may be sent twice, none is lost. Progress,
// which may be nil, is called after each. What cannot be sent stays, and is named in the error.
func (q *Queue) Replay(ctx context.Context, pick Pick, progress func(done int)) (int, error) {
	done := 0
	return q.forEach(ctx, pick, func(s *scan, l *Letter, delivery *amqp.Delivery) error {
		if err := q.replay(ctx, s, l, delivery); err != nil {
			return err
		}
		if err := s.remove(delivery); err != nil {
			return err
		}
		if done++; progress != nil {
			progress(done)
		}
		return nil
	})
}

// forEach calls do for each letter of the pick, and returns for how many it has succeeded.
func (q *Queue) forEach(ctx context.Context, pick Pick, do visit) (int, error) {
	if pick.All {
		// A further letter comes when one has been removed. Nothing is held but what has failed.
		return q.walkOnce(ctx, pick, maxAcks+maxFailed, do)
	}
	done := 0
	var failures error
	for ids := range slices.Chunk(pick.IDs, maxAcks) {
		n, err := q.walkOnce(ctx, Pick{IDs: ids}, maxScan, do)
		done += n
		if failures = errors.Join(failures, err); q.conn.IsClosed() {
			break
		}
	}
	return done, failures
}

// walkOnce is one walk of forEach.
func (q *Queue) walkOnce(ctx context.Context, pick Pick, prefetch int, do visit) (int, error) {
	done, failed := 0, 0
	var failures error
	seen := make(map[string]bool, len(pick.IDs))
	_, err := q.scan(ctx, prefetch, func(s *scan, l *Letter, delivery *amqp.Delivery) error {
		if !pick.has(l) {
			return nil
		}
		seen[l.ID], seen[l.MessageID] = true, true
		err := do(s, l, delivery)
		switch {
		case err == nil:
			done++
		case errs.CodeOf(err) == errs.Conflict: // this letter alone
			failures = errors.Join(failures, fmt.Errorf("letter %s: %w", l.ID, err))
			if failed++; failed == maxFailed {
				return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("given up after %d letters that failed", failed)}
			}
		default:
			return fmt.Errorf("letter %s: %w", l.ID, err)
		}
		return nil
	})
	if err != nil {
		return done, errors.Join(failures, err)
	}
	if missing := slices.DeleteFunc(slices.Clone(pick.IDs), func(id string) bool { return seen[id] }); len(missing) > 0 {
		failures = errors.Join(failures, unknown(missing))
	}
	return done, failures
}

func unknown(ids []string) error {
	return &errs.Error{Code: errs.NotFound, Msg: "there is no dead letter " + strings.Join(ids, ", ")}
}
