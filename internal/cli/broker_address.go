package cli

import (
	"context"
	"errors"
	"io"

	"restante/internal/config"
	"restante/internal/errs"
)

// brokerAddress is the flag that selects the RabbitMQ of a command.
type brokerAddress struct {
	Broker []string `env:"RESTANTE_BROKER" placeholder:"URL" help:"The broker, amqp://USER:PASSWORD@HOST:PORT/VHOST, the same as for the nodes. Separate several addresses of one RabbitMQ cluster by commas."`
}

// withBroker opens what a command works on, calls do with it, closes it, and adds the exit code to the error. The hint is added
// to the error of a broker that is no RabbitMQ.
func withBroker[B io.Closer](
	ctx context.Context, address *brokerAddress, hint string, open func(context.Context, []string) (B, error), do func(B) error,
) error {
	if len(address.Broker) == 0 || address.Broker[0] == config.InprocBroker {
		return &exitError{exitUsage, errors.New("--broker, RESTANTE_BROKER: the address of a RabbitMQ is needed" + hint)}
	}
	b, err := open(ctx, address.Broker)
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
