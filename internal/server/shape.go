package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	brokerdriver "restante/internal/broker/driver"
	"restante/internal/broker/inproc"
	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/config"
	"restante/internal/peer"
	storedriver "restante/internal/store/driver"
	"restante/internal/store/postgres"
	"restante/internal/store/sqlite"
)

// shape is what the journey stands on: the drivers for one machine, or for many.
type shape struct {
	broker brokerdriver.Driver
	store  storedriver.Driver
	// inbox passes what other producers have published to accept, until ctx is done; nil where there is no such door.
	inbox func(ctx context.Context, accept func(context.Context, chat.Message) (chat.Message, error)) error
}

// openShape opens the drivers that the configuration asks for. With many machines it does not wait for servers that
// cannot be reached yet, so that nodes start in any order.
func openShape(ctx context.Context, cfg config.Config, peers *peer.Table, log *slog.Logger, metrics prometheus.Registerer) (shape, error) {
	if !cfg.ManyMachines() {
		database, err := sqlite.Open(ctx, cfg.StorePath(), sqlite.Config{Config: storedriver.Config{Log: log}, Metrics: metrics})
		if err != nil {
			return shape{}, fmt.Errorf("%w (--data and --store choose where messages are kept)", err)
		}
		return shape{broker: inproc.New(inproc.Config{}), store: database}, nil
	}
	database, err := postgres.Open(ctx, cfg.Store, postgres.Config{Config: storedriver.Config{Log: log}, Metrics: metrics})
	if err != nil {
		return shape{}, fmt.Errorf("--store: %w", err)
	}
	rabbit, err := rabbitmq.Open(ctx, rabbitmq.Config{
		URLs: cfg.Broker, Partitions: cfg.Partitions, Peers: peers, Log: log, Metrics: metrics,
	})
	if err != nil {
		_ = database.Close() // the error that counts is the broker's
		return shape{}, fmt.Errorf("--broker: %w", err)
	}
	return shape{broker: rabbit, store: database, inbox: rabbit.Inbox}, nil
}

// newNode returns what this node, which listens on addr, tells the others of itself. A node alone has no name.
func newNode(cfg config.Config, addr net.Addr) (peer.Node, error) {
	self := peer.Node{Roles: cfg.Roles}
	if !cfg.ManyMachines() {
		return self, nil
	}
	var err error
	self.ID, self.Secret = peer.NewID(), peer.NewSecret()
	self.URL, err = advertised(cfg, addr)
	return self, err
}

// advertised returns where other nodes reach this one, which listens on addr.
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
	u.RawQuery = "" // a password may stand there too
	return u.Redacted()
}

func withoutPasswords(raw []string) string {
	shown := make([]string, len(raw))
	for i, r := range raw {
		shown[i] = withoutPassword(r)
	}
	return strings.Join(shown, ",")
}
