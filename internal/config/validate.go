package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"restante/internal/origin"
	"restante/internal/peer"
)

// Validate returns every fault of the configuration, joined into one error, each with what to do about it. Kong calls it for
// a command line. It resolves a Listen host that is not an address, which may take five seconds.
func (c Config) Validate() error {
	c = c.Complete()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	faults := []error{
		c.validateListen(ctx), c.validateBroker(), c.validateStore(), c.validateNode(), c.validateAdvertise(),
		c.validateAuth(), c.validateSecrets(), c.validateTLS(), c.validateACME(), c.Limit.validate(),
	}
	for _, network := range c.TrustedProxy {
		_, err := parseNetwork(network)
		faults = append(faults, err)
	}
	for _, name := range c.Host {
		if _, err := origin.ParseHost(name); err != nil {
			faults = append(faults, fmt.Errorf("--host: %q: %w", name, err))
		}
	}
	for _, origin := range c.CORSOrigin {
		faults = append(faults, validateOrigin(origin))
	}
	switch c.LogFormat {
	case LogAuto, LogText, LogJSON:
	default:
		faults = append(faults, fmt.Errorf("--log-format: %s is not known; use text, json or auto", wordShown(c.LogFormat)))
	}
	if c.Drain <= 0 {
		faults = append(faults, fmt.Errorf("--drain: %v is not a time to wait; use one above zero, such as 10s", c.Drain))
	}
	if window := *c.ReconnectWindow; window < 0 || window > maxReconnectWindow {
		faults = append(faults, fmt.Errorf("--reconnect-window: %v is not between 0s and %v", window, maxReconnectWindow))
	}
	if delay := *c.DrainDelay; delay < 0 || c.Drain > 0 && delay > c.Drain {
		faults = append(faults, fmt.Errorf("--drain-delay: %v is not between 0s and the %v of --drain, of which it is a part", delay, c.Drain))
	}
	return errors.Join(faults...)
}

// validateBroker checks the form of the addresses. Their passwords are never shown.
func (c Config) validateBroker() error {
	if slices.Equal(c.Broker, []string{InprocBroker}) {
		return nil
	}
	for i, broker := range c.Broker {
		u, err := url.Parse(broker)
		if err != nil || !isAMQP(broker) || u.Hostname() == "" {
			return fmt.Errorf("--broker: address %d of %d is not a broker; use inproc:, or amqp://USER:PASSWORD@HOST:PORT/VHOST, amqps:// for TLS "+
				"(special characters in a password are written as %%XX)", i+1, len(c.Broker))
		}
	}
	return nil
}

// validateStore checks the form of the store, and that it fits the broker.
func (c Config) validateStore() error {
	switch path, sqlite := strings.CutPrefix(c.Store, sqliteScheme); {
	case isPostgres(c.Store) && !c.ManyMachines():
		return errors.New("--store: PostgreSQL goes with RabbitMQ: add --broker amqp://…, or keep messages in sqlite:PATH")
	case sqlite && path != "" && c.ManyMachines():
		return errors.New("--store: RabbitMQ goes with PostgreSQL, which every node can reach: add --store postgres://…")
	case isPostgres(c.Store), sqlite && path != "":
		return nil
	default:
		return errors.New("--store: not a store; use sqlite:PATH, such as sqlite:/var/lib/restante/restante.db, or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
}

// validateNode checks the settings of a node in a cluster.
func (c Config) validateNode() (err error) {
	for i, role := range c.Roles {
		if !slices.Contains(peer.Roles(), role) {
			err = errors.Join(err, fmt.Errorf("--roles: %s is not known; use api, consumer, hub, or several separated by commas", wordShown(role)))
		}
		if slices.Contains(c.Roles[:i], role) {
			err = errors.Join(err, fmt.Errorf("--roles: %s is given twice", wordShown(role)))
		}
	}
	if len(c.Roles) < len(peer.Roles()) && !c.ManyMachines() {
		err = errors.Join(err, errors.New("--roles: a server alone has all roles; to share them add --broker amqp://… and --store postgres://…"))
	}
	if c.Partitions < 0 || c.Partitions > MaxPartitions {
		err = errors.Join(err, fmt.Errorf("--partitions: %d is not between 1 and %d", c.Partitions, MaxPartitions))
	}
	if c.Partitions != 0 && !c.ManyMachines() {
		err = errors.Join(err, errors.New("--partitions: only RabbitMQ has them: add --broker amqp://…"))
	}
	return err
}

// validateAdvertise checks the address that the node tells the others. With a certificate it must be given: the others compare
// its name with those in the certificate.
func (c Config) validateAdvertise() error {
	want := "http"
	if c.ServesTLS() {
		want = "https"
	}
	switch u, err := url.Parse(c.Advertise); {
	case c.Advertise == "" && c.ServesTLS() && c.ManyMachines():
		return errors.New("--advertise: the other nodes must know a name that is in the certificate; use https://NAME:PORT")
	case c.Advertise == "":
		return nil
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != c.Advertise:
		return fmt.Errorf("--advertise: %s is not %s://HOST:PORT", addressShown(c.Advertise), want)
	case u.Scheme != want:
		return fmt.Errorf("--advertise: this node answers %s, not %s; use %s://%s", want, u.Scheme, want, u.Host)
	}
	return nil
}

// validateListen checks the form of the address. A server that other machines can reach needs --auth.
func (c Config) validateListen(ctx context.Context) error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %s is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080", addressShown(c.Listen))
	}
	if _, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil || port == "" {
		return fmt.Errorf("--listen: %s has no valid port; use 1 to 65535, or 0 for any that is free", addressShown(c.Listen))
	}
	if c.Auth != AuthUnsaid {
		return nil
	}
	local, err := isLoopback(ctx, host)
	if err != nil {
		return fmt.Errorf("--listen: %w; use an address, or a name that this machine can resolve", err)
	}
	if !local {
		return fmt.Errorf("--listen: other machines can reach %q, and clients are not authenticated: "+
			"ask for tokens with --auth jwt, allow everyone to read and send with --auth none, or listen on 127.0.0.1", c.Listen)
	}
	return nil
}

// isLoopback reports whether only this machine can reach a listener on host. For a name, every address that it resolves to
// must be a loopback address, since the listener may use any of them. No host means all addresses.
func isLoopback(ctx context.Context, host string) (bool, error) {
	if host == "" {
		return false, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback(), nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false, fmt.Errorf("look up %q: %w", host, err)
	}
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return false, nil
		}
	}
	return len(ips) > 0, nil
}

// validateOrigin accepts what can be the origin of a page, in any spelling: they are compared as origins.
func validateOrigin(text string) error {
	if text == "*" {
		return errors.New("--cors-origin: '*' would let every web page act for its visitors; name each origin")
	}
	if _, err := origin.Parse(text); err != nil {
		return fmt.Errorf("--cors-origin: %s is not an origin: %w", addressShown(text), err)
	}
	return nil
}
