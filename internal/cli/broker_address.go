package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"restante/internal/config"
	"restante/internal/errs"
)

// brokerAddress is the flag that selects the RabbitMQ of a command.
type brokerAddress struct {
	Broker []string `env:"RESTANTE_BROKER" placeholder:"URL" help:"The broker, amqp://USER:PASSWORD@HOST:PORT/VHOST, the same as for the nodes. Separate several addresses of one RabbitMQ cluster by commas."`

	BrokerPasswordFile string `env:"RESTANTE_BROKER_PASSWORD_FILE" placeholder:"FILE" type:"path" help:"File with the password of --broker, whose addresses then have a user name only."`
}

// urls returns the addresses, with the password.
func (a *brokerAddress) urls() ([]string, error) {
	if a.BrokerPasswordFile == "" {
		return a.Broker, nil
	}
	urls := make([]string, len(a.Broker))
	for i, text := range a.Broker {
		var err error
		if urls[i], err = config.WithPassword(text, a.BrokerPasswordFile); err != nil {
			return nil, fmt.Errorf("--broker-password-file: %w", err)
		}
	}
	return urls, nil
}

// withBroker opens what a command works on, calls do with it, closes it, and adds the exit code to the error. The hint is added
// to the error of a broker that is no RabbitMQ.
func withBroker[B io.Closer](
	ctx context.Context, address *brokerAddress, hint string, open func(context.Context, []string) (B, error), do func(B) error,
) error {
	if len(address.Broker) == 0 || address.Broker[0] == config.InprocBroker {
		return &exitError{exitUsage, errors.New("--broker, RESTANTE_BROKER: the address of a RabbitMQ is needed" + hint)}
	}
	urls, err := address.urls()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	b, err := open(ctx, urls)
	if err == nil {
		err = do(b)
		if failed := b.Close(); err == nil {
			err = failed
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case errs.CodeOf(err) == errs.Invalid:
		return &exitError{exitUsage, err}
	case errs.CodeOf(err) == errs.Unavailable:
		return &exitError{exitUnavailable, err}
	}
	return err
}
