package server

import (
	"context"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/epoch"
	"restante/internal/forward"
	"restante/internal/journey"
	"restante/internal/limit"
)

// entry is the one way into the journey. Each way in is a chain of journey.Accepters, written here from the outside in:
// every link either refuses a message or calls the next one. What has passed the gate is accepted in a time of its own: the end
// of the request or connection that has brought it does not cancel it.
//
//	POST /message ─┐
//	POST /rooms/…  ├─► clients:  rights ─► rate ─► gate ─► ours ─► journey.Accept ─► broker
//	hub            ┘
//	restante.inbox ──► services:                   gate ─► ours ─► journey.Accept ─► broker
type entry struct {
	clients  journey.Accepter // messages of clients, over HTTP and the hub
	services journey.Accepter // messages of other services, which RabbitMQ has authenticated
	gate     *gate
}

// newEntry makes the chains. judge is nil on one machine.
func newEntry(limits *limit.Limits, judge *epoch.Judge, broker journey.Publisher) *entry {
	e := &entry{gate: newGate()}
	e.clients = named{
		auth.CheckSender( // unauthenticated, forbidden: what the token does not allow
			limits.CheckRate( // rate_limited: a client that sends too fast
				e.gate.Admit( // unavailable: the server is stopping
					ours(judge, // unavailable: the broker belongs to another store
						&journey.Accept{Broker: broker}))))} // invalid; unavailable: the broker has not confirmed
	e.services =
		e.gate.Admit( // unavailable: the server is stopping
			ours(judge, // unavailable: the broker belongs to another store
				&journey.Accept{Broker: broker})) // invalid; unavailable: the broker has not confirmed
	return e
}

// named gives a message without an id the one that the node which has forwarded it has proposed. It refuses nothing.
type named struct{ next journey.Accepter }

// Accept implements journey.Accepter.
func (n named) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	if m.ID == "" {
		m.ID = forward.ProposedID(ctx)
	}
	return n.next.Accept(ctx, m)
}
