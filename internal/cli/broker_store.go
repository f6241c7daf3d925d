package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"restante/internal/audit"
	"restante/internal/broker/rabbitmq/operate"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/store/driver"
	"restante/internal/store/postgres"
)

type brokerStoreCmd struct {
	Show  brokerStoreShowCmd  `cmd:"" default:"withargs" help:"Show which store the broker belongs to."`
	Adopt brokerStoreAdoptCmd `cmd:"" help:"Make the broker belong to another store."`
}

// Help is the text of `restante broker store --help` below the usage line.
func (brokerStoreCmd) Help() string {
	return `Examples:

  restante broker store --broker amqp://restante:secret@rabbit/chat
  restante broker store adopt --store postgres://restante:secret@db/restante

A virtual host of RabbitMQ belongs to one store: the first one that a node brings to it. Nodes with another store do not start, or refuse all messages.` + brokerCodes
}

type brokerStoreShowCmd struct {
	brokerAddress `embed:""`
	JSON          bool `help:"Print a JSON object."`
}

// Run shows the store.
func (c *brokerStoreShowCmd) Run(ctx context.Context, s *streams) error {
	return withBroker(ctx, &c.brokerAddress, "", operate.Open, func(b *operate.Broker) error {
		r, err := b.Store(ctx)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return json.NewEncoder(s.out).Encode(r)
		case r.ID == "":
			_, err = fmt.Fprintln(s.out, "the broker belongs to no store yet")
		case r.At.IsZero():
			_, err = fmt.Fprintf(s.out, "the broker belongs to the store %s\n", orDash(r.ID))
		default:
			_, err = fmt.Fprintf(s.out, "the broker belongs to the store %s, last seen by a node at %s\n", orDash(r.ID), r.At.UTC().Format(time.RFC3339))
		}
		return err
	})
}

type brokerStoreAdoptCmd struct {
	brokerAddress `embed:""`
	auditFlag     `embed:""`
	Store         storeURL `required:"" env:"RESTANTE_STORE" placeholder:"URL" help:"The store: postgres://USER:PASSWORD@HOST:PORT/DATABASE."`
	Force         bool     `help:"Do it although nodes with another store are running. They stop to take messages when they hear of it."`
}

// Help is the text of `restante broker store adopt --help` below the usage line.
func (brokerStoreAdoptCmd) Help() string {
	return `Examples:

  restante broker store adopt --broker amqp://restante:secret@rabbit/chat --store postgres://restante:secret@db/restante

It is for a store that takes the place of another one, such as a schema that was made anew, or a copy that has an id of its own. It begins a new epoch in the store, so that readers of the other one are told and read each room from its beginning, and then notes in RabbitMQ that the broker belongs to this store. Accepted messages that still wait in RabbitMQ will be stored in it.

It refuses while a node consumes that works with another store, for which it listens three seconds. Nodes of the store that wait for it go on by themselves.` + brokerCodes
}

// Run adopts the store.
func (c *brokerStoreAdoptCmd) Run(ctx context.Context, s *streams) error {
	if !c.Store.isPostgres() {
		return &exitError{exitUsage, errors.New("--store: a broker between nodes belongs to a PostgreSQL store")}
	}
	log := slog.New(slog.NewTextHandler(s.err, nil))
	return withBroker(ctx, &c.brokerAddress, "", operate.Open, func(b *operate.Broker) error {
		before, err := b.Store(ctx)
		if err != nil {
			return err
		}
		l, err := c.lineage(ctx, log)
		if err != nil {
			return err
		}
		if before.ID == l.Store {
			_, err := fmt.Fprintf(s.out, "the broker belongs to the store %s already\n", l.Store)
			return err
		}
		if !c.Force {
			fmt.Fprintln(s.err, "listening for nodes")
			if err := b.CheckAdopt(ctx, l.Store); err != nil {
				return err
			}
		}
		event := audit.Event{What: audit.Admin, Action: "broker store adopt", Subject: l.Store}
		return c.do(ctx, s, event, func() (int, error) { return 0, c.adopt(ctx, s, b, before, l.Store, log) })
	})
}

// adopt begins the epoch first: if the rest fails, readers are told once too often and not once too few.
func (c *brokerStoreAdoptCmd) adopt(ctx context.Context, s *streams, b *operate.Broker, before peer.StoreRecord, store string, log *slog.Logger) error {
	id, err := c.beginEpoch(ctx, store, log)
	if err != nil {
		return err
	}
	l, err := c.lineage(ctx, log)
	if err != nil {
		return err
	}
	if err := b.Adopt(ctx, before, store, l.Mark); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "the broker belongs to the store %s now, which has begun the epoch %s\n", store, id)
	return err
}

// lineage reads the store's identity.
func (c *brokerStoreAdoptCmd) lineage(ctx context.Context, log *slog.Logger) (driver.Lineage, error) {
	opened, err := c.Store.openSource(ctx, log)
	if err != nil {
		return driver.Lineage{}, err
	}
	l, err := opened.Lineage(ctx)
	return l, errors.Join(err, opened.Close())
}

// adoptTimeLimit is how long it may take to begin an epoch: appends that run are waited for.
const adoptTimeLimit = time.Minute

// beginEpoch begins a new epoch in the store and returns its id.
func (c *brokerStoreAdoptCmd) beginEpoch(ctx context.Context, store string, log *slog.Logger) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, adoptTimeLimit)
	defer cancel()
	d, err := postgres.Open(ctx, string(c.Store), postgres.Config{Config: driver.Config{Log: log}})
	if err != nil {
		return "", c.Store.explain(err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	before, err := d.Epoch()
	if err == nil && before.Store != store {
		err = &errs.Error{Code: errs.Conflict, Msg: "the database is the store " + before.Store + " now: look again"}
	}
	if err == nil {
		err = d.ReplaceEpoch(ctx, "the store was adopted by a broker that belonged to another one")
	}
	if err != nil {
		return "", c.Store.explain(err)
	}
	e, err := d.Epoch()
	return e.ID, err
}
