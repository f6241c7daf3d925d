package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/management"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/errs"
)

// Broker is the broker of the nodes, for an operator. Its methods are called one at a time, block until they are done, and end
// with ctx; after that only Close works. Errors are classified: errs.Unavailable when the broker cannot be reached,
// errs.Forbidden when it refuses the user, errs.NotFound when no node has used the virtual host yet, errs.Conflict when what
// is there forbids the change.
type Broker struct {
	conn *amqp.Connection
	api  *management.Client // nil when it is off
}

// recordTimeLimit is how long reading the record may take. Nodes have the lock for moments only.
const recordTimeLimit = 10 * time.Second

// Open connects to the first of the addresses of a broker that answers. It does not need the management API.
func Open(ctx context.Context, urls []string) (*Broker, error) {
	api, err := management.New(urls)
	if err != nil {
		return nil, err
	}
	conn, err := link.DialOnce(ctx, urls, "restante broker")
	if err != nil {
		return nil, err
	}
	return &Broker{conn: conn, api: api}, nil
}

// Close ends the connection.
func (b *Broker) Close() error {
	if err := b.conn.CloseDeadline(time.Now().Add(link.OnceTimeout)); err != nil && !errors.Is(err, amqp.ErrClosed) {
		return fmt.Errorf("close the connection to the broker: %w", err)
	}
	return nil
}

// Version returns the version of RabbitMQ, "" if it has not said one.
func (b *Broker) Version() string {
	version, _ := b.conn.Properties["version"].(string)
	return version
}

// Status is what a broker is like.
type Status struct {
	Version  string              `json:"version"` // of RabbitMQ
	Record   *topology.Record    `json:"record"`  // nil: no node of this version has used the virtual host yet
	Queues   []management.Queue  `json:"queues"`  // null: the management API cannot be used
	Policies []management.Policy `json:"policies"`
	Operator []management.Policy `json:"operator_policies"`
	Dangers  []management.Danger `json:"dangers"`
	// Unchecked says why queues and policies are not known, "" when they are.
	Unchecked string `json:"unchecked,omitempty"`
}

// Status reads it. When the management API cannot be used, the rest is returned together with the error.
func (b *Broker) Status(ctx context.Context) (Status, error) {
	s := Status{Version: b.Version()}
	partitions := 0
	if record, err := b.record(ctx); err == nil {
		s.Record, partitions = &record, record.Partitions
	} else if errs.CodeOf(err) != errs.NotFound {
		return s, err
	}
	state, err := b.state(ctx)
	if err != nil {
		s.Unchecked = err.Error()
		return s, err
	}
	s.Queues, s.Dangers = state.Queues, state.Dangers(partitions)
	s.Policies, s.Operator = inForce(&state)
	return s, nil
}

func (b *Broker) record(ctx context.Context) (topology.Record, error) {
	limited, cancel := context.WithTimeout(ctx, recordTimeLimit)
	defer cancel()
	r, err := topology.ReadRecord(limited, b.conn)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = errs.Wrap(errs.Unavailable, err, "the queue %s does not answer", link.RecordQueue)
	}
	return r, err
}

func (b *Broker) state(ctx context.Context) (management.State, error) {
	if b.api == nil {
		return management.State{}, &errs.Error{Code: errs.Unavailable, Msg: "the management API is off for this broker, so queues and policies cannot be checked"}
	}
	return b.api.State(ctx)
}

// inForce returns the policies that apply to one of the queues.
func inForce(s *management.State) (policies, operator []management.Policy) {
	for _, p := range s.Policies {
		if slices.ContainsFunc(s.Queues, func(q management.Queue) bool { return q.Policy == p.Name }) {
			policies = append(policies, p)
		}
	}
	for _, p := range s.OperatorPolicies {
		if slices.ContainsFunc(s.Queues, func(q management.Queue) bool { return q.OperatorPolicy == p.Name }) {
			operator = append(operator, p)
		}
	}
	return policies, operator
}

// Policy returns the one policy that this broker should have, and the command that sets it.
func (b *Broker) Policy() (management.Policy, string, error) {
	p := management.Advised(b.Version())
	vhost := b.conn.Config.Vhost
	if b.api != nil {
		vhost = b.api.VHost()
	}
	command, err := p.Command(vhost)
	return p, command, err
}

// The time until the broker has applied a policy to all queues and says so, and how often it is asked meanwhile.
const (
	applyTimeLimit = 15 * time.Second
	applyInterval  = 500 * time.Millisecond
)

// Apply sets the policy that Policy returns, and waits until every queue has it, for some seconds at most. It returns the
// status after that.
func (b *Broker) Apply(ctx context.Context) (Status, error) {
	if b.api == nil {
		return Status{}, &errs.Error{Code: errs.Conflict, Msg: "the management API is off for this broker: run the command that is printed without --apply"}
	}
	policy := management.Advised(b.Version())
	if err := b.api.SetPolicy(ctx, policy); err != nil {
		return Status{}, err
	}
	limit := time.Now().Add(applyTimeLimit)
	tick := time.NewTicker(applyInterval)
	defer tick.Stop()
	for {
		state, err := b.state(ctx)
		if err != nil {
			return Status{}, err
		}
		if state.Has(policy) || time.Now().After(limit) {
			return b.Status(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return Status{}, context.Cause(ctx)
		}
	}
}
