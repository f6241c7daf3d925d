// Package rabbitmq is the broker of many machines: a driver over RabbitMQ. Between Accept and Persist it keeps messages in
// quorum queues, one per partition of the rooms, each with one active consumer among all nodes; between Persist and
// Deliver it passes stored messages through a topic exchange that other services may listen to, too. It reconnects by
// itself and keeps every promise over lost connections, lost nodes and redeliveries; what cannot be stored becomes a dead
// letter. It is the only package that imports the AMQP client.
package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/driver"
	"restante/internal/errs"
	"restante/internal/peer"
)

// Config configures a Driver.
type Config struct {
	// URLs are the addresses of one broker, nodes of a cluster, as RabbitMQ's URI specification has them: amqp:// or
	// amqps://, all of one virtual host. At least one is needed.
	URLs []string
	// Log gets lost and regained connections, dead letters, and partitions that change hands. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// Partitions is the number of work queues. Default: as many as the broker has, 8 on a new one.
	Partitions int
	// Peers is told which nodes there are, and decides with them which node consumes which partition. Default: the node
	// tells nobody of itself, and consumes what it gets.
	Peers *peer.Table
}

// Driver implements driver.Driver over RabbitMQ.
type Driver struct {
	cfg       Config
	node      string
	addresses []address
	metrics   *metrics
	topology  *topology
	balance   *balance

	publishing *link
	consuming  *link
	announcing *link
	hearing    *link
	beating    *link

	stopPublishing func()
	stops          []func() // of the other links and the beats, in order

	closing chan struct{}  // closed when Close begins: nothing new is taken
	ended   chan struct{}  // closed when the last batch is done
	closed  chan struct{}  // closed when Close is over
	once    sync.Once      // for Close
	work    sync.WaitGroup // running Consume, Subscribe and Inbox calls; added to under mu, and not after closing
	mu      sync.Mutex
}

var _ driver.Driver = (*Driver)(nil)

// Open returns a driver. It connects once, to find what waiting cannot mend: malformed addresses, refused credentials, a
// virtual host that is not there, a certificate that cannot be verified, or queues in another form. Those are errors that
// say what to do; a broker that cannot be reached is not, it is waited for in the background.
func Open(ctx context.Context, cfg Config) (*Driver, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	addresses, err := parseAddresses(cfg.URLs)
	if err != nil {
		return nil, err
	}
	if cfg.Partitions < 0 || cfg.Partitions > maxPartitions {
		return nil, errs.Field("partitions", "must be 1 to %d, or 0 for what the broker has, is %d", maxPartitions, cfg.Partitions)
	}
	d := &Driver{
		cfg: cfg, node: peer.NewID(), addresses: addresses,
		topology: &topology{log: cfg.Log, wanted: cfg.Partitions},
		balance:  newBalance(cfg.Peers), metrics: newMetrics(),
		closing: make(chan struct{}), ended: make(chan struct{}), closed: make(chan struct{}),
	}
	if cfg.Peers != nil {
		d.node = cfg.Peers.Self().ID
	}
	d.newLinks()
	if err := d.look(ctx); err != nil {
		return nil, err
	}
	d.metrics.register(cfg.Metrics)
	d.start()
	return d, nil
}

// maxPartitions is a bound for plausible numbers: each is a quorum queue, and a channel of each consumer.
const maxPartitions = 1024

// newLinks makes the links; start runs them.
func (d *Driver) newLinks() {
	listening := d.topology.ensure
	publishing := func(s *session) error {
		if err := d.topology.ensure(s); err != nil {
			return err
		}
		return s.openSenders(int(d.topology.partitions.Load()))
	}
	announcing := func(s *session) error {
		if err := d.topology.ensure(s); err != nil {
			return err
		}
		return s.openSenders(announcers)
	}
	d.publishing = d.newLink("publish", publishing)
	d.consuming = d.newLink("consume", listening)
	d.announcing = d.newLink("announce", announcing)
	d.hearing = d.newLink("hub", listening)
	d.beating = d.newLink("nodes", listening)
}

// look connects the link for publishing once, which sees to the topology.
func (d *Driver) look(ctx context.Context) error {
	turn := rand.IntN(len(d.addresses))
	s, err := d.publishing.connect(ctx, &turn)
	switch {
	case err == nil:
		d.publishing.first = s
		d.publishing.set(s, nil)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errs.CodeOf(err) != errs.Unavailable:
		return err
	}
	d.cfg.Log.WarnContext(ctx, "the broker cannot be reached yet, waiting for it", slog.Any("error", err))
	return nil
}

// start begins to keep the links connected: that of publishing at once, so that Check knows, the others when they are
// wanted.
func (d *Driver) start() {
	d.publishing.want()
	d.stopPublishing = background(d.publishing.run)
	if d.cfg.Peers != nil {
		d.stops = append(d.stops, background(d.beat))
	}
	for _, l := range []*link{d.consuming, d.announcing, d.hearing, d.beating} {
		d.stops = append(d.stops, background(l.run))
	}
}

// background calls run in a goroutine of its own until stop is called, which waits for it.
func background(run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func errClosed() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the server is shutting down"}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// begin returns a context for work that ends with ctx and when Close begins. It returns false after that.
func (d *Driver) begin(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if isClosed(d.closing) {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	d.work.Add(1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-d.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel()
		<-watched
		d.work.Done()
	}, true
}

// Check implements driver.Driver: it returns nil while the connection for publishing is there and the broker has no
// alarm.
func (d *Driver) Check(context.Context) error {
	if isClosed(d.closing) {
		return errClosed()
	}
	s, err := d.publishing.peek()
	switch {
	case err != nil:
		return err
	case s.isBlocked():
		return errAlarm(s)
	}
	return nil
}

// Retryable implements driver.Driver. Once Close has begun nothing is: the batch in hand is done at the first attempt, or
// left to the next node.
func (d *Driver) Retryable(err error) bool {
	_, ok := errors.AsType[retryable](err)
	return ok && !isClosed(d.closing)
}

// Close implements driver.Driver. Messages that are not acknowledged are in their queue again.
func (d *Driver) Close() error {
	d.once.Do(func() {
		d.mu.Lock()
		close(d.closing)
		d.mu.Unlock()
		d.stopPublishing() // whoever waits for a confirm does not learn it any more
		d.work.Wait()
		close(d.ended)
		for _, stop := range d.stops {
			stop()
		}
		close(d.closed)
	})
	<-d.closed
	return nil
}
