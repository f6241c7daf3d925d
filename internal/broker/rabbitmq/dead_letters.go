package rabbitmq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

const (
	dialTimeout   = 10 * time.Second // for each address of the broker
	answerTimeout = 30 * time.Second // for the broker's confirm of one message

	// maxScan is how many letters an operation looks at: so many can be on their way to one reader.
	maxScan = 65535
	// maxPeeks is how often a letter is looked at before it is put into the queue anew. A queue that was declared on
	// RabbitMQ 3 has a delivery limit of 20 since its upgrade to 4: looking once more would lose the letter.
	maxPeeks = 10
	// maxAcks is how many acknowledgements may be on their way. A quorum queue's channel keeps back what exceeds 32, and
	// forgets it when it is closed: the letters would be there again.
	maxAcks = 16
	// maxFailed is how many letters may fail before the rest is not tried any more.
	maxFailed = 10
)

// DeadLetters are the messages that could not be stored, for an operator who looks at them. It has a connection of its
// own, whichever nodes run. Its methods are called one at a time; they end with ctx, and then nothing but Close works any
// more. Errors are classified: errs.NotFound when there is no such letter, or nothing that keeps any; errs.Unavailable
// when the broker cannot be reached; errs.Forbidden when it does not let this user in; errs.Invalid for a malformed URL.
type DeadLetters struct {
	conn       *amqp.Connection
	partitions int // 0 until a replay has counted them
}

// DeadContent is a letter with what it holds.
type DeadContent struct {
	DeadLetter
	ContentType string
	Headers     map[string]any // those of the message, and those that restante has added
	Body        []byte
}

// Pick says which letters are meant: all, or those with one of the ids, of the letter or of the message in it.
type Pick struct {
	All bool
	IDs []string
}

func (p *Pick) has(l *DeadLetter) bool { return p.All || slices.ContainsFunc(p.IDs, l.is) }

func (l *DeadLetter) is(id string) bool { return id != "" && (l.ID == id || l.MessageID == id) }

// OpenDead connects to the first of the addresses of a broker that answers.
func OpenDead(ctx context.Context, urls []string) (*DeadLetters, error) {
	addresses, err := parseAddresses(urls)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, a := range addresses {
		conn, err := dialDead(ctx, a)
		if err == nil {
			return &DeadLetters{conn: conn}, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// dialDead connects to one address.
func dialDead(ctx context.Context, a address) (*amqp.Connection, error) {
	uri, err := parseURL(a.url)
	if err != nil {
		return nil, err
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName("restante dead")
	stop := func() bool { return true }
	config := amqp.Config{
		Heartbeat:  10 * time.Second,
		Properties: properties,
		Dial: func(network, address string) (net.Conn, error) {
			dialer := net.Dialer{Timeout: dialTimeout}
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			stop = context.AfterFunc(ctx, func() { _ = c.Close() })
			return c, c.SetDeadline(time.Now().Add(dialTimeout)) // the client lifts it when the connection is open
		},
	}
	if uri.AuthMechanism == nil {
		config.SASL = []amqp.Authentication{&plain{*uri.PlainAuth(), properties}}
	}
	conn, err := amqp.DialConfig(a.url, config)
	if stop(); ctx.Err() != nil {
		if err == nil {
			_ = conn.CloseDeadline(time.Now())
		}
		return nil, context.Cause(ctx)
	}
	if final := refused(err, a.host); final != nil {
		return nil, final
	}
	return conn, errs.Wrap(errs.Unavailable, err, "the broker at %s cannot be reached", a.host)
}

// Close ends the connection.
func (d *DeadLetters) Close() error {
	if err := d.conn.CloseDeadline(time.Now().Add(dialTimeout)); err != nil && !errors.Is(err, amqp.ErrClosed) {
		return fmt.Errorf("close the connection to the broker: %w", err)
	}
	return nil
}

// List returns the oldest letters, at most limit of them, and how many there are. It takes nothing away. Letters that
// somebody else is looking at are not seen.
func (d *DeadLetters) List(ctx context.Context, limit int) (letters []DeadLetter, total int, err error) {
	total, err = d.scan(ctx, maxScan, func(s *scan, l *DeadLetter, _ *amqp.Delivery) error {
		letters = append(letters, *l)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list dead letters: %w", err)
	}
	slices.SortStableFunc(letters, older)
	return letters[:min(limit, len(letters))], total, nil
}

func older(a, b DeadLetter) int {
	return cmp.Or(a.DiedAt.Compare(b.DiedAt), strings.Compare(a.ID, b.ID))
}

// Get returns the letters with an id, that of the letter or that of the message in it. It takes nothing away.
func (d *DeadLetters) Get(ctx context.Context, id string) ([]DeadContent, error) {
	var found []DeadContent
	_, err := d.scan(ctx, maxScan, func(_ *scan, l *DeadLetter, delivery *amqp.Delivery) error {
		if l.is(id) {
			found = append(found, DeadContent{*l, delivery.ContentType, delivery.Headers, delivery.Body})
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = unknown([]string{id})
	}
	if err != nil {
		return nil, fmt.Errorf("find a dead letter: %w", err)
	}
	slices.SortStableFunc(found, func(a, b DeadContent) int { return older(a.DeadLetter, b.DeadLetter) })
	return found, nil
}

// Drop removes letters for good and returns how many it has removed. It goes through the letters that are there when it
// begins.
func (d *DeadLetters) Drop(ctx context.Context, pick Pick) (int, error) {
	return d.settle(ctx, pick, func(s *scan, _ *DeadLetter, delivery *amqp.Delivery) error {
		return s.remove(delivery)
	})
}

// Replay sends letters on their way again, each to where it came from, with the same id, and returns how many it has
// sent. A letter is removed when the broker has confirmed the message: one may be sent twice, none is lost. Progress,
// which may be nil, is called after each. What cannot be sent stays, and is named in the error.
func (d *DeadLetters) Replay(ctx context.Context, pick Pick, progress func(done int)) (int, error) {
	done := 0
	return d.settle(ctx, pick, func(s *scan, l *DeadLetter, delivery *amqp.Delivery) error {
		if err := d.replay(ctx, s, l, delivery); err != nil {
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

// settle calls do for each letter of the pick, and returns for how many it has succeeded.
func (d *DeadLetters) settle(ctx context.Context, pick Pick, do visit) (int, error) {
	if pick.All {
		// A further letter comes when one has been removed. Nothing is held but what has failed.
		return d.settleSome(ctx, pick, maxAcks+maxFailed, do)
	}
	done := 0
	var failures error
	for ids := range slices.Chunk(pick.IDs, maxAcks) {
		n, err := d.settleSome(ctx, Pick{IDs: ids}, maxScan, do)
		done += n
		if failures = errors.Join(failures, err); d.conn.IsClosed() {
			break
		}
	}
	return done, failures
}

// settleSome is one walk of settle.
func (d *DeadLetters) settleSome(ctx context.Context, pick Pick, prefetch int, do visit) (int, error) {
	done, failed := 0, 0
	var failures error
	seen := make(map[string]bool, len(pick.IDs))
	_, err := d.scan(ctx, prefetch, func(s *scan, l *DeadLetter, delivery *amqp.Delivery) error {
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
