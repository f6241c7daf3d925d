package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/config"
	"restante/internal/errs"
)

type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"List the dead letters: messages that could not be stored."`
	Show   deadShowCmd   `cmd:"" help:"Show dead letters with all that is in them."`
	Replay deadReplayCmd `cmd:"" help:"Send dead letters on their way again."`
	Drop   deadDropCmd   `cmd:"" help:"Remove dead letters for good."`
}

// Help is what `restante dead --help` says below the usage line.
func (deadCmd) Help() string {
	return `Examples:

  restante dead list --broker amqp://restante:secret@rabbit/chat
  restante dead show ID
  restante dead replay --all

With RabbitMQ, a message that can never be stored as it is is set aside with the reason, so that it does not hold up its room: a dead letter. The broker of one machine has none: there, whoever sends such a message gets the error.`
}

// office is the flag that says where the dead letters are.
type office struct {
	Broker []string `env:"RESTANTE_BROKER" placeholder:"URL" help:"The broker, amqp://USER:PASSWORD@HOST:PORT/VHOST, as the nodes have it. Several addresses of one RabbitMQ cluster are separated by commas."`
}

const deadCodes = `

Exit codes:
  0    done
  1    some letters are not there, or cannot be sent; what could be done is done
  2    the command line makes no sense
  3    the broker cannot be reached
  130  interrupted`

// with calls do with the dead letters, and gives its error the exit code that goes with it.
func (o *office) with(ctx context.Context, do func(*deadletter.Queue) error) error {
	if len(o.Broker) == 0 || o.Broker[0] == config.InprocBroker {
		return &exitError{exitUsage, errors.New("--broker, RESTANTE_BROKER: the address of a RabbitMQ is needed. " +
			"The broker of one machine has no dead letters: whoever sends a message that cannot be stored gets the error")}
	}
	letters, err := deadletter.Open(ctx, o.Broker)
	if err == nil {
		err = do(letters)
		if failed := letters.Close(); err == nil {
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

// choice is which letters are meant.
type choice struct {
	All bool     `help:"All that are there."`
	IDs []string `arg:"" name:"id" optional:"" help:"Of the letters, or of the messages in them."`
}

func (c *choice) pick() (deadletter.Pick, error) {
	if c.All == (len(c.IDs) > 0) {
		return deadletter.Pick{}, &exitError{exitUsage, errors.New("needs either ids or --all")}
	}
	return deadletter.Pick{All: c.All, IDs: c.IDs}, nil
}

type deadReplayCmd struct {
	office `embed:""`
	choice `embed:""`
	JSON   bool `help:"Print a JSON object."`
}

// Help is what `restante dead replay --help` says below the usage line.
func (deadReplayCmd) Help() string {
	return `Examples:

  restante dead replay 01a2050d-d456-7a4a-970a-265bf9ff262a
  restante dead replay --all --broker amqp://restante:secret@rabbit/chat

Each message goes back to where it died, with the same id, and is removed from the dead letters when the broker has it on stable storage: an interruption loses nothing, and what is sent twice is stored once. Replay when the reason is gone; a message that still cannot be stored comes back as a dead letter.` + deadCodes
}

// Run sends the letters again.
func (c *deadReplayCmd) Run(ctx context.Context, s *streams) error {
	pick, err := c.pick()
	if err != nil {
		return err
	}
	return c.with(ctx, func(d *deadletter.Queue) error {
		var progress func(int)
		if isTerminal(s.err) {
			shown := time.Now()
			progress = func(done int) {
				if time.Since(shown) > time.Second/5 {
					shown = time.Now()
					fmt.Fprintf(s.err, "\r%d sent again\r", done)
				}
			}
		}
		n, err := d.Replay(ctx, pick, progress)
		return errors.Join(err, c.report(s, n))
	})
}

func (c *deadReplayCmd) report(s *streams, n int) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]int{"replayed": n})
	}
	_, err := fmt.Fprintf(s.out, "%d sent again\n", n)
	return err
}

type deadDropCmd struct {
	office `embed:""`
	choice `embed:""`
	Yes    bool `short:"y" help:"Do not ask."`
	JSON   bool `help:"Print a JSON object."`
}

// Help is what `restante dead drop --help` says below the usage line.
func (deadDropCmd) Help() string {
	return `Examples:

  restante dead drop 01a2050d-d456-7a4a-970a-265bf9ff262a
  restante dead drop --all --yes
  restante dead show 01a2050d-d456-7a4a-970a-265bf9ff262a --json > kept.json && restante dead drop --yes 01a2050d-d456-7a4a-970a-265bf9ff262a

It asks first; without a terminal to ask on it needs --yes.` + deadCodes
}

// Run removes the letters.
func (c *deadDropCmd) Run(ctx context.Context, s *streams) error {
	pick, err := c.pick()
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, s); err != nil {
		return err
	}
	return c.with(ctx, func(d *deadletter.Queue) error {
		n, err := d.Drop(ctx, pick)
		return errors.Join(err, c.report(s, n))
	})
}

func (c *deadDropCmd) report(s *streams, n int) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]int{"dropped": n})
	}
	_, err := fmt.Fprintf(s.out, "%d dropped\n", n)
	return err
}

// confirm returns nil if whoever runs the command means it.
func (c *deadDropCmd) confirm(ctx context.Context, s *streams) error {
	if c.Yes {
		return nil
	}
	if !isTerminal(s.in) {
		return &exitError{exitUsage, errors.New("there is no terminal to ask on: --yes says that they are to be removed for good")}
	}
	what := "all dead letters"
	if !c.All {
		what = fmt.Sprintf("%d of the dead letters", len(c.IDs))
	}
	fmt.Fprintf(s.err, "Remove %s for good? [y/N] ", what)
	lines := bufio.NewScanner(s.in)
	answered := read(ctx, lines)
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	if answer := strings.ToLower(lines.Text()); !answered || answer != "y" && answer != "yes" {
		return errors.New("nothing is dropped")
	}
	return nil
}
