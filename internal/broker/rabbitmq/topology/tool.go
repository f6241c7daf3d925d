package topology

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// ReadRecord reads the record on the broker, for a tool. It takes the lock, and waits for it until ctx is done. Its error has
// the class errs.NotFound when the broker has no record, errs.Conflict when the record cannot be read.
func ReadRecord(ctx context.Context, conn *amqp.Connection) (Record, error) {
	return ChangeRecord(ctx, conn, func(*Record) error { return nil })
}

// ChangeRecord lets change alter the record, for a tool: under the lock, so that nobody else changes it meanwhile. It
// raises the version if something has changed, and returns the record as it is then. An error of change is returned as it is,
// and nothing is changed; the other errors are those of ReadRecord. A tool that raises Partitions sets Made to false, so that
// the new queues are made and not taken for deleted ones. When ctx ends the connection is closed.
func ChangeRecord(ctx context.Context, conn *amqp.Connection, change func(r *Record) error) (Record, error) {
	// Calls of the client library know no context: they fail when the connection is closed.
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseDeadline(time.Now()) })
	defer stop()
	l, err := acquire(ctx, plain{conn}, slog.New(slog.DiscardHandler))
	if link.IsNotFound(err) {
		return Record{}, errs.Wrap(errs.NotFound, err, "this virtual host has no queue %s: no node of this version has used it yet", link.RecordQueue)
	}
	if err != nil {
		return Record{}, fmt.Errorf("lock the broker's record: %w", err)
	}
	defer l.release()
	if l.record == nil && l.corrupt != nil {
		return Record{}, l.corrupt
	}
	if l.record == nil {
		return Record{}, &errs.Error{Code: errs.NotFound, Msg: "queue " + link.RecordQueue + " holds no record: start a node with --partitions N"}
	}
	changed := l.record.clone()
	if err := change(&changed); err != nil {
		return Record{}, err
	}
	changed.Version = l.record.Version
	before, err := json.Marshal(l.record)
	if err != nil {
		return Record{}, err
	}
	after, err := json.Marshal(changed)
	if err != nil {
		return Record{}, err
	}
	if !bytes.Equal(before, after) {
		if err := l.write(ctx, changed); err != nil {
			return Record{}, fmt.Errorf("write the broker's record: %w", err)
		}
	}
	return *l.record, nil
}

// plain is a connection without time limits.
type plain struct{ *amqp.Connection }

// Channel implements opener.
func (p plain) Channel(prepare func(ch *amqp.Channel) error) (*amqp.Channel, error) {
	ch, err := p.Connection.Channel()
	if err != nil {
		return nil, err
	}
	return ch, prepare(ch)
}

// CloseChannel implements opener.
func (plain) CloseChannel(ch *amqp.Channel) { _ = ch.Close() }
