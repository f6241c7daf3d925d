package server

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	brokerdriver "restante/internal/broker/driver"
	"restante/internal/broker/inproc"
	"restante/internal/broker/rabbitmq"
	"restante/internal/build"
	"restante/internal/chat"
	"restante/internal/config"
	"restante/internal/epoch"
	"restante/internal/nodetls"
	"restante/internal/peer"
	storedriver "restante/internal/store/driver"
	"restante/internal/store/postgres"
	"restante/internal/store/sqlite"
)

// The two shapes differ in two drivers: SQLite and a broker in the process for one machine, PostgreSQL and RabbitMQ for
// many. With many machines, opening a driver does not wait for a server that cannot be reached yet, so that nodes start in
// any order.

func (s *Server) openStoreDriver(ctx context.Context) (storedriver.Driver, error) {
	if s.alone() {
		database, err := sqlite.Open(ctx, s.cfg.StorePath(), sqlite.Config{Config: storedriver.Config{Log: s.log}, Metrics: s.metrics})
		if err != nil {
			return nil, fmt.Errorf("%w (--data and --store choose where messages are kept)", err)
		}
		return database, nil
	}
	database, err := postgres.Open(ctx, s.cfg.Store, postgres.Config{
		Config: storedriver.Config{Log: s.log}, Metrics: s.metrics, Judge: s.judge, Password: s.cfg.StorePassword(),
	})
	if err != nil {
		return nil, fmt.Errorf("--store: %w", err)
	}
	s.database = database
	return database, nil
}

// readInbox sends the messages that other services have published to accept, until ctx is done.
type readInbox func(ctx context.Context, accept func(context.Context, chat.Message) (chat.Message, error)) error

// openBrokerDriver returns a nil inbox for one machine, which has none.
func (s *Server) openBrokerDriver(ctx context.Context) (brokerdriver.Driver, readInbox, error) {
	if s.alone() {
		return inproc.New(inproc.Config{}), nil, nil
	}
	rabbit, err := rabbitmq.Open(ctx, rabbitmq.Config{
		URLs: s.cfg.Broker, Password: s.cfg.BrokerPassword(), Partitions: s.cfg.Partitions, Peers: s.peers, Log: s.log, Metrics: s.metrics,
		Switched: func(ctx context.Context, f chat.Feature) (bool, error) { return s.switches.Switched(ctx, f) }, // asked by consumers, which start later
	})
	if err != nil {
		return nil, nil, fmt.Errorf("--broker: %w", err)
	}
	s.topology, s.record = rabbit.Watch, rabbit
	s.judge = epoch.New(epoch.Config{Record: rabbit, Nodes: s.peers, Log: s.log, Metrics: s.metrics})
	return rabbit, rabbit.Inbox, nil
}

// newNode returns what this node, which listens on addr, tells its peers about itself. The only node of a cluster has no
// name and no key.
func newNode(cfg config.Config, addr net.Addr, own *nodetls.Identity) (peer.Node, error) {
	self := peer.Node{Roles: cfg.Roles, Knows: chat.Features(), Release: build.Version()}
	if !cfg.ManyMachines() {
		return self, nil
	}
	var err error
	self.ID, self.Secret, self.Key = peer.NewID(), peer.NewSecret(), own.Fingerprint()
	self.URL, err = advertised(cfg, addr)
	return self, err
}

// advertised returns the URL under which other nodes reach this one, which listens on addr.
func advertised(cfg config.Config, addr net.Addr) (string, error) {
	if cfg.Advertise != "" {
		return cfg.Advertise, nil
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "", fmt.Errorf("address of this node: %w", err)
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("address of this node: %w (say it with --advertise)", err)
		}
	}
	return scheme(cfg) + net.JoinHostPort(host, port), nil
}

// withoutPassword returns the URL as it may be logged.
func withoutPassword(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(hidden: not a URL)"
	}
	u.RawQuery = "" // may hold a password, too
	return u.Redacted()
}

func withoutPasswords(raw []string) string {
	shown := make([]string, len(raw))
	for i, r := range raw {
		shown[i] = withoutPassword(r)
	}
	return strings.Join(shown, ",")
}
