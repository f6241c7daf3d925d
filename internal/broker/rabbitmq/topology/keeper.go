package topology

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// Config configures a Keeper. The functions are called concurrently, and must not block.
type Config struct {
	// Node is the id of this node.
	Node string
	// Partitions is the number that is asked for: 0 for what the record says, and 8 on a new broker.
	Partitions int
	// Log gets what is missing and what is made again. Default: discarded.
	Log *slog.Logger
	// Free reports whether a deleted queue may be made again: no living consumer has deliveries of it in hand. Default: always.
	Free func(queue string) bool
	// Alive reports whether a node may be alive: it was heard in the last 10 s and has not said goodbye, or this process
	// listens for less than 10 s. Default: no other node is.
	Alive func(node string) bool
	// Finished returns what the consumers of a partition have told in heartbeats to have finished: by publishing node, the
	// greatest number. The caller may change the map. Default: nothing is known.
	Finished func(partition int) map[string]int64
	// HeartbeatRecord returns the version of the record that a heartbeat names, 0 for none. A new process asks the running nodes
	// with it, when the broker has no record. Default: no node runs.
	HeartbeatRecord func(body []byte) int64
}

// Keeper makes what restante needs on the broker, and makes it again when it is missing. It has its own connection, so that
// a call that hangs delays nothing else. Its methods may be called concurrently.
type Keeper struct {
	cfg    Config
	broker *link.Broker
	failed chan error

	record atomic.Pointer[Record] // nil until it is known

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when the record or the state has changed
}

// NewKeeper returns a keeper for one broker. Links of the broker report to it what they miss. Connect or Run begin.
func NewKeeper(b *link.Broker, cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{cfg: cfg, broker: b, failed: make(chan error, 1), changed: make(chan struct{})}
}

// Connect connects once, compares what is on the broker with what is needed, and makes what is missing. Call it before Run.
// Its error has the class errs.Unavailable if waiting may help, then Run goes on; another class if an operator must act.
func (k *Keeper) Connect(ctx context.Context) error { return nil }

// Run looks after the topology until ctx is done.
func (k *Keeper) Run(ctx context.Context) { <-ctx.Done() }

// Record returns the record as it is known here, false before it is known. It is cheap: it is called for every message. The
// caller must not change what it points to.
func (k *Keeper) Record() (Record, bool) {
	if r := k.record.Load(); r != nil {
		return *r, true
	}
	return Record{}, false
}

// Await waits until the record is known and every queue was made once. Its error has the class errs.Unavailable: ctx is
// done, or Run has ended.
func (k *Keeper) Await(ctx context.Context) (Record, error) {
	<-ctx.Done()
	return Record{}, errs.Wrap(errs.Unavailable, context.Cause(ctx), "the topology of the broker is not known yet")
}

// Refresh reads the record on the broker, and begins to read after the call. It blocks until that is done or ctx is. Callers
// that wait at the same time share a read. Its error has the class errs.Unavailable.
func (k *Keeper) Refresh(ctx context.Context) (Record, error) { return k.Await(ctx) }

// Report says that something is missing on the broker, and what. The keeper looks at once. Reports that come close together
// cause one look, and there are at most about five looks a second.
func (k *Keeper) Report(what string) {}

// Hear says that another node knows a version of the record. The keeper reads the record if it knows only an older one.
func (k *Keeper) Hear(version int64) {}

// Check returns nil while everything was there at the last look, else what is missing. The error has the class
// errs.Unavailable.
func (k *Keeper) Check() error { return nil }

// Failed receives an error when the broker contradicts what this process knows and relies on: it has another number of
// partitions now. The process must end.
func (k *Keeper) Failed() <-chan error { return k.failed }

// Restore makes the deleted queue of a partition again, for the node that has deliveries of it in hand. From is the
// generation of those deliveries. Restore takes the lock, begins the next generation, makes the queue without a binding, and
// calls refill, which publishes the deliveries to link.QueuesExchange, with the name of the queue as the routing key, in
// their order and confirmed, over a channel of the session. Then it notes in the record what was received, by publishing node the greatest number, and binds
// the queue. It returns the record after that.
//
// It blocks while another node has the lock. When it fails it may be called again with the same arguments: what was published
// twice is stored once. An error of class errs.Conflict is final: another node has begun a later generation, or somebody else
// has made the queue.
func (k *Keeper) Restore(ctx context.Context, partition int, from int64, received map[string]int64,
	refill func(context.Context, *link.Session) error,
) (Record, error) {
	return Record{}, nil
}

// IntakeKey returns the routing key of a partition in one of its generations.
func IntakeKey(partition int, generation int64) string {
	key := strconv.Itoa(partition)
	if generation > 1 {
		key += "." + strconv.FormatInt(generation, 10)
	}
	return key
}
