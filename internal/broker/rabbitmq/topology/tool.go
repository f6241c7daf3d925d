package topology

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ReadRecord reads the record on the broker, for a tool. It takes the lock, and waits for it until ctx is done. Its error has
// the class errs.NotFound when the broker has no record, errs.Conflict when nobody can read the record.
func ReadRecord(ctx context.Context, conn *amqp.Connection) (Record, error) {
	return ChangeRecord(ctx, conn, func(*Record) error { return nil })
}

// ChangeRecord lets change alter the record, for a tool: under the lock, so that nobody else changes it meanwhile. It
// raises the version if something has changed, and returns the record as it is then. An error of change is returned as it is,
// and nothing is changed; the other errors are those of ReadRecord. A tool that raises Partitions sets Made to false, so that
// the new queues are made and not taken for deleted ones.
func ChangeRecord(ctx context.Context, conn *amqp.Connection, change func(r *Record) error) (Record, error) {
	return Record{}, nil
}
