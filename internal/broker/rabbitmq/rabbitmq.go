package rabbitmq

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/management"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/inflight"
	"restante/internal/peer"
)

// Config configures a Driver.
type Config struct {
	// URLs are the addresses of one broker, nodes of a cluster, as RabbitMQ's URI specification has them: amqp:// or
	// amqps://, all of one virtual host. At least one is needed.
	URLs []string
	// Password is read for each new connection, and takes the place of the passwords in URLs. Default: none.
	Password func() (string, error)
	// Log gets lost and regained connections, dead letters, and partitions that move to another node. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// Partitions is the number of work queues. Default: what the broker's record says, 8 on a new broker.
	Partitions int
	// Peers gets the heartbeats of the nodes, and decides with them which node consumes which partition. Default: the node
	// sends no heartbeats, and consumes what it gets.
	Peers *peer.Table
	// Switched reports whether a feature is switched on in the store. Default: none is.
	Switched func(ctx context.Context, f chat.Feature) (bool, error)
	// UnknownLimit is how long an accepted entry is kept whose kind or version no node has ever known. Then it becomes a
	// dead letter. Default 60 s.
	UnknownLimit time.Duration
	// HoldLimit is how long a batch is in hand that cannot be stored. Then it goes back to the broker, all at once, and this
	// node or another one gets it again. Default 5 min.
	HoldLimit time.Duration
}

// Driver implements driver.Driver over RabbitMQ.
type Driver struct {
	cfg      Config
	node     string
	metrics  *metrics
	keeper   *topology.Keeper
	balance  *peer.Balance
	progress *peer.Progress
	accounts accounts
	unknowns *unknowns
	refusals refusals

	conflicts conflicts
	policies  *policies

	broker     *link.Broker
	publishing *link.Link
	consuming  *link.Link
	announcing *link.Link
	hearing    *link.Link
	nodes      *link.Link

	subscriptions subscriptions

	stopPublishing func()
	stops          []func() // of the other links and the heartbeats, in order

	work    inflight.Calls // running Consume, Subscribe and Inbox calls
	closing chan struct{}  // closed when Close begins: nothing new is accepted
	ended   chan struct{}  // closed when the last batch is done
	closed  chan struct{}  // closed when Close is over
	once    sync.Once      // for Close
}

var _ driver.Driver = (*Driver)(nil)

// Open returns a driver. It connects once, to find what waiting cannot repair: malformed addresses, refused credentials, a
// virtual host that does not exist, a certificate that cannot be verified, or queues in another form. Those errors say
// what to do. A broker that cannot be reached is no error; the driver waits for it in the background.
func Open(ctx context.Context, cfg Config) (*Driver, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.UnknownLimit == 0 {
		cfg.UnknownLimit = 60 * time.Second
	}
	if cfg.HoldLimit == 0 {
		cfg.HoldLimit = 5 * time.Minute
	}
	if cfg.Partitions < 0 || cfg.Partitions > topology.MaxPartitions {
		return nil, errs.Field("partitions", "must be 1 to %d, or 0 for what the broker has, is %d", topology.MaxPartitions, cfg.Partitions)
	}
	node := peer.NewID()
	if cfg.Peers != nil {
		node = cfg.Peers.Self().ID
	}
	broker, err := link.NewBroker(cfg.URLs, "restante "+node, cfg.Log)
	if err != nil {
		return nil, err
	}
	client, err := management.New(cfg.URLs)
	if err != nil {
		return nil, err
	}
	if cfg.Password != nil {
		broker.ReadPassword(cfg.Password)
		client.ReadPassword(cfg.Password)
	}
	d := &Driver{
		cfg: cfg, node: node, broker: broker,
		balance: peer.NewBalance(cfg.Peers), progress: peer.NewProgress(), metrics: newMetrics(),
		closing: make(chan struct{}), ended: make(chan struct{}), closed: make(chan struct{}),
	}
	d.unknowns = newUnknowns(&d.cfg)
	d.policies = &policies{d: d, client: client}
	d.keeper = topology.NewKeeper(broker, topology.Config{
		Node: node, Partitions: cfg.Partitions, Log: cfg.Log,
		Free: d.free, Alive: d.mayBeAlive, Finished: d.finished, HeartbeatRecord: heartbeatRecord,
		Letters: d.metrics.setLetters,
	})
	d.newLinks()
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	if cfg.Metrics != nil {
		broker.Register(cfg.Metrics)
		d.metrics.register(cfg.Metrics)
	}
	d.start()
	return d, nil
}

// newLinks makes the links; start runs them. None of them declares anything: that is for the keeper, and a call that hangs
// there must not keep messages from queues that answer.
func (d *Driver) newLinks() {
	none := func(*link.Session) error { return nil }
	d.publishing = d.broker.Link("publish", func(s *link.Session) error {
		record, known := d.keeper.Record()
		if !known {
			return d.keeper.Check()
		}
		return s.OpenSenders(record.Partitions)
	})
	d.consuming = d.broker.Link("consume", none)
	d.announcing = d.broker.Link("announce", func(s *link.Session) error { return s.OpenSenders(announcers) })
	d.hearing = d.broker.Link("hub", none)
	d.nodes = d.broker.Link("nodes", none)
}

// connect connects once: the keeper, which makes what is missing, and then the link for publishing.
func (d *Driver) connect(ctx context.Context) error {
	err := d.keeper.Connect(ctx)
	if err == nil {
		err = d.publishing.Connect(ctx)
	}
	switch {
	case err == nil:
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
// wanted. They connect when everything has been made.
func (d *Driver) start() {
	d.publishing.Want()
	d.stopPublishing = background(d.onceMade(d.publishing.Run))
	if d.cfg.Peers != nil {
		d.stops = append(d.stops, background(d.heartbeats), background(d.settle))
	}
	for _, l := range []*link.Link{d.consuming, d.announcing, d.hearing, d.nodes} {
		d.stops = append(d.stops, background(d.onceMade(l.Run)))
	}
	d.stops = append(d.stops, background(d.policies.watch), background(d.keeper.Run))
}

// onceMade returns a loop that begins when everything has been made on the broker.
func (d *Driver) onceMade(run func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		_, _ = d.keeper.Await(ctx) // it fails when ctx is done, and then run ends at once
		run(ctx)
	}
}

// Watch blocks until ctx is done, and returns nil then. It returns an error before that when this process cannot go on,
// because the broker contradicts what it relies on: it has another number of partitions now.
func (d *Driver) Watch(ctx context.Context) error {
	select {
	case err := <-d.keeper.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

// background calls run in a goroutine until stop is called. Stop waits for the goroutine.
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

// begin returns a context for work that ends with ctx and when Close begins. It returns false after that.
func (d *Driver) begin(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	if !d.work.Begin() {
		return nil, nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
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
		d.work.End()
	}, true
}

// Check implements driver.Driver: it returns nil while a message can be accepted: what that needs is on the broker, the
// connection for publishing is open, and the broker has no alarm.
func (d *Driver) Check(context.Context) error {
	if d.work.Closed() {
		return link.ErrClosed()
	}
	if err := d.keeper.CheckIntake(); err != nil {
		return err
	}
	s, err := d.publishing.Current()
	if err != nil {
		return err
	}
	return s.Alarm()
}

// CheckTopology returns nil while everything that must be on the broker is there, else what is missing.
func (d *Driver) CheckTopology() error { return d.keeper.Check() }

// Retryable implements driver.Driver. Once Close has begun nothing is: the batch in hand is done at the first attempt, or
// left to the next node.
func (d *Driver) Retryable(err error) bool { return link.Retryable(err) && !d.work.Closed() }

// Close implements driver.Driver. Messages that are not acknowledged are in their queue again.
func (d *Driver) Close() error {
	d.once.Do(func() {
		d.work.Close()
		close(d.closing)
		d.stopPublishing() // a caller that waits for a confirm does not get it any more
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
