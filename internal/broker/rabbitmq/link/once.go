package link

import (
	"context"
	"errors"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// OnceTimeout limits DialOnce for each address.
const OnceTimeout = 10 * time.Second

// DialOnce connects to the first of the addresses that answers, under a name that the broker shows. The connection is the
// caller's and does not come back: it is for a tool that does one thing and ends. Errors are classified.
func DialOnce(ctx context.Context, urls []string, name string) (*amqp.Connection, error) {
	addresses, err := parseAddresses(urls)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, a := range addresses {
		conn, err := dialOnce(ctx, a, name)
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// dialOnce connects to one address.
func dialOnce(ctx context.Context, a address, name string) (*amqp.Connection, error) {
	config, err := connectionConfig(a, name, 10*time.Second)
	if err != nil {
		return nil, err
	}
	stop := func() bool { return true }
	config.Dial = func(network, address string) (net.Conn, error) {
		dialer := net.Dialer{Timeout: OnceTimeout}
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		stop = context.AfterFunc(ctx, func() { _ = c.Close() })
		return c, c.SetDeadline(time.Now().Add(OnceTimeout)) // the client library lifts it when the connection is open
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
