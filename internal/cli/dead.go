package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/audit"
	"restante/internal/broker/rabbitmq/deadletter"
)

type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"List dead letters: messages that could not be stored."`
	Show   deadShowCmd   `cmd:"" help:"Show dead letters with their content."`
	Replay deadReplayCmd `cmd:"" help:"Send dead letters again, to where they came from."`
	Drop   deadDropCmd   `cmd:"" help:"Remove dead letters permanently."`
}

// Help is the text of `restante dead --help` below the usage line.
func (deadCmd) Help() string {
	return `Examples:

  restante dead list --broker amqp://restante:secret@rabbit/chat
  restante dead show ID
  restante dead replay --all

With RabbitMQ, a message that can never be stored is dead-lettered together with the reason, so that it does not block its room. The broker of one machine has no dead letters: it returns the error to the sender of such a message.`
}

const deadCodes = `

Exit codes:
  0    done
  1    some letters do not exist or cannot be sent; the others are done
  2    the command line is wrong
  3    the broker cannot be reached
  130  interrupted`

// withLetters calls do with the dead letters of a broker, and adds the exit code to its error.
func withLetters(ctx context.Context, address *brokerAddress, do func(*deadletter.Queue) error) error {
	const hint = ". The broker of one machine has no dead letters: it returns the error to the sender of a message that cannot be stored"
	return withBroker(ctx, address, hint, deadletter.Open, do)
}

// selection is the arguments that select letters.
type selection struct {
	All bool     `help:"All dead letters."`
	IDs []string `arg:"" name:"id" optional:"" help:"Ids of letters, or of the messages in them."`
}

func (c *selection) pick() (deadletter.Pick, error) {
	if c.All == (len(c.IDs) > 0) {
		return deadletter.Pick{}, &exitError{exitUsage, errors.New("needs either ids or --all")}
	}
	return deadletter.Pick{All: c.All, IDs: c.IDs}, nil
}

type deadReplayCmd struct {
	brokerAddress `embed:""`
	auditFlag     `embed:""`
	selection     `embed:""`
	JSON          bool `help:"Print a JSON object."`
}

// Help is the text of `restante dead replay --help` below the usage line.
func (deadReplayCmd) Help() string {
	return `Examples:

  restante dead replay 01a2050d-d456-7a4a-970a-265bf9ff262a
  restante dead replay --all --broker amqp://restante:secret@rabbit/chat

It sends each message back to the queue where it was dead-lettered, with the same id, and removes the letter when the broker has the message on stable storage. So an interruption loses nothing, and a message that is sent twice is stored once. Replay after you have fixed the reason: a message that still cannot be stored becomes a dead letter again.` + deadCodes
}

// Run sends the letters again.
func (c *deadReplayCmd) Run(ctx context.Context, s *streams) error {
	pick, err := c.pick()
	if err != nil {
		return err
	}
	return withLetters(ctx, &c.brokerAddress, func(d *deadletter.Queue) error {
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
		event := audit.Event{What: audit.DeadLetter, Action: "dead replay", Subject: c.subject()}
		return c.do(ctx, s, event, func() (int, error) {
			n, err := d.Replay(ctx, pick, progress)
			return n, errors.Join(err, c.report(s, n))
		})
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
	brokerAddress `embed:""`
	auditFlag     `embed:""`
	selection     `embed:""`
	Yes           bool `short:"y" help:"Do not ask for confirmation."`
	JSON          bool `help:"Print a JSON object."`
}

// Help is the text of `restante dead drop --help` below the usage line.
func (deadDropCmd) Help() string {
	return `Examples:

  restante dead drop 01a2050d-d456-7a4a-970a-265bf9ff262a
  restante dead drop --all --yes
  restante dead show 01a2050d-d456-7a4a-970a-265bf9ff262a --json > kept.json && restante dead drop --yes 01a2050d-d456-7a4a-970a-265bf9ff262a

It asks for confirmation. Without a terminal it cannot ask, and needs --yes.` + deadCodes
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
	return withLetters(ctx, &c.brokerAddress, func(d *deadletter.Queue) error {
		event := audit.Event{What: audit.DeadLetter, Action: "dead drop", Subject: c.subject()}
		return c.do(ctx, s, event, func() (int, error) {
			n, err := d.Drop(ctx, pick)
			return n, errors.Join(err, c.report(s, n))
		})
	})
}

func (c *deadDropCmd) report(s *streams, n int) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]int{"dropped": n})
	}
	_, err := fmt.Fprintf(s.out, "%d dropped\n", n)
	return err
}

// confirm returns nil if the user confirms the removal.
func (c *deadDropCmd) confirm(ctx context.Context, s *streams) error {
	if c.Yes {
		return nil
	}
	if !isTerminal(s.in) {
		return &exitError{exitUsage, errors.New("there is no terminal to ask for confirmation: use --yes to remove the dead letters permanently")}
	}
	what := "all dead letters"
	if !c.All {
		what = fmt.Sprintf("%d of the dead letters", len(c.IDs))
	}
	fmt.Fprintf(s.err, "Remove %s permanently? [y/N] ", what)
	answer, err := await(ctx, newLineReader(s.in).next)
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "y" && answer != "yes" {
		return errors.New("not confirmed: no dead letter was removed")
	}
	return nil
}
