package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"restante/internal/audit"
	"restante/internal/broker/rabbitmq/operate"
)

type brokerCmd struct {
	Status     brokerStatusCmd     `cmd:"" help:"Show RabbitMQ's version, the queues, the policies on them, and what is dangerous."`
	Policy     brokerPolicyCmd     `cmd:"" help:"Print or set the one policy that the queues should have."`
	Partitions brokerPartitionsCmd `cmd:"" help:"Change the number of partitions, while no node runs."`
	Store      brokerStoreCmd      `cmd:"" help:"Show or change which store the broker belongs to."`
}

// Help is the text of `restante broker --help` below the usage line.
func (brokerCmd) Help() string {
	return `Examples:

  restante broker status --broker amqp://restante:secret@rabbit/chat
  restante broker policy
  restante broker policy --apply
  restante broker partitions 16
  restante broker store

It is for the RabbitMQ between the nodes of many machines. Queues and policies come from RabbitMQ's management API: at the host of the address, port 15672 (amqps: 15671), or where the parameter management of the address says, such as amqp://restante:secret@rabbit/chat?management=http://rabbit:15672. The user needs the tag management.`
}

const brokerCodes = `

Exit codes:
  0    done, and nothing is dangerous
  1    something is dangerous, or the command was refused
  2    the command line is wrong
  3    RabbitMQ, or its management API, cannot be reached
  130  interrupted`

type brokerStatusCmd struct {
	brokerAddress `embed:""`
	JSON          bool `help:"Print a JSON object."`
}

// Help is the text of `restante broker status --help` below the usage line.
func (brokerStatusCmd) Help() string {
	return `Examples:

  restante broker status --broker amqp://restante:secret@rabbit/chat
  restante broker status --json | jq .dangers

A setting is dangerous when it may lose messages that RabbitMQ has confirmed, change their order, or refuse new ones. 'restante broker policy' sets the policy that takes the place of the others.` + brokerCodes
}

// Run shows the status.
func (c *brokerStatusCmd) Run(ctx context.Context, s *streams) error {
	return withBroker(ctx, &c.brokerAddress, "", operate.Open, func(b *operate.Broker) error {
		status, err := b.Status(ctx)
		if err != nil && status.Unchecked == "" {
			return err
		}
		return errors.Join(err, showStatus(s, &status, c.JSON))
	})
}

// showStatus prints a status. Its error says that something is dangerous.
func showStatus(s *streams, status *operate.Status, asJSON bool) error {
	var err error
	if asJSON {
		err = json.NewEncoder(s.out).Encode(status)
	} else {
		err = printStatus(s.out, status)
	}
	if err == nil && len(status.Dangers) > 0 {
		err = fmt.Errorf("%d settings are dangerous", len(status.Dangers))
	}
	return err
}

type brokerPolicyCmd struct {
	brokerAddress `embed:""`
	auditFlag     `embed:""`
	Apply         bool `help:"Set the policy over the management API, and show the status after it. The user needs the tag policymaker or administrator."`
}

// Help is the text of `restante broker policy --help` below the usage line.
func (brokerPolicyCmd) Help() string {
	return `Examples:

  restante broker policy --broker amqp://restante:secret@rabbit/chat
  restante broker policy --apply

Without --apply it only prints a command for rabbitmqctl, which is right for the version of RabbitMQ that runs. Of all policies that match a queue RabbitMQ applies the one with the highest priority, so that this policy takes the place of those that set a time to live or a length. It does not override operator policies: remove those. Run it again after an upgrade of RabbitMQ.` + brokerCodes
}

// Run prints or sets the policy.
func (c *brokerPolicyCmd) Run(ctx context.Context, s *streams) error {
	return withBroker(ctx, &c.brokerAddress, "", operate.Open, func(b *operate.Broker) error {
		policy, command, err := b.Policy()
		if err != nil {
			return err
		}
		if !c.Apply {
			_, err := fmt.Fprintln(s.out, command)
			return err
		}
		var status operate.Status
		event := audit.Event{What: audit.Admin, Action: "broker policy", Subject: policy.Name}
		err = c.do(ctx, s, event, func() (_ int, err error) {
			status, err = b.Apply(ctx)
			return 0, err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "policy %s is set\n\n", policy.Name)
		return showStatus(s, &status, false)
	})
}

type brokerPartitionsCmd struct {
	brokerAddress `embed:""`
	auditFlag     `embed:""`
	Count         int `arg:"" name:"count" help:"How many partitions there are to be."`
}

// Help is the text of `restante broker partitions --help` below the usage line.
func (brokerPartitionsCmd) Help() string {
	return `Examples:

  restante broker partitions 16 --broker amqp://restante:secret@rabbit/chat

It refuses while a node runs, for which it listens three seconds, and while messages wait in the intake or the inbox. It deletes the empty queues of the intake; the nodes that start next make as many as there are to be. The operations manual has the whole procedure.` + brokerCodes
}

// Run changes the number.
func (c *brokerPartitionsCmd) Run(ctx context.Context, s *streams) error {
	return withBroker(ctx, &c.brokerAddress, "", operate.Open, func(b *operate.Broker) error {
		fmt.Fprintln(s.err, "listening for nodes")
		var before int
		event := audit.Event{What: audit.Admin, Action: "broker partitions", Subject: strconv.Itoa(c.Count)}
		err := c.do(ctx, s, event, func() (_ int, err error) {
			before, err = b.SetPartitions(ctx, c.Count)
			return 0, err
		})
		if err != nil {
			return err
		}
		if before == c.Count {
			_, err = fmt.Fprintf(s.out, "there are %d partitions already\n", before)
		} else {
			_, err = fmt.Fprintf(s.out, "there were %d partitions, the next node that starts makes %d\n", before, c.Count)
		}
		return err
	})
}
