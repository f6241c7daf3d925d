package server

import (
	"restante/internal/auth"
	"restante/internal/epoch"
	"restante/internal/journey"
	"restante/internal/limit"
)

// entry is the one way into the journey. Each way in is a chain of journey.Accepters, written here from the outside in:
// every link either refuses a message or calls the next one.
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
	e := &entry{gate: &gate{}}
	e.clients =
		auth.CheckSender( // unauthenticated, forbidden: what the token does not allow
			limits.CheckRate( // rate_limited: a client that sends too fast
				e.gate.Admit( // unavailable: the server is stopping
					ours(judge, // unavailable: the broker belongs to another store
						&journey.Accept{Broker: broker})))) // invalid; unavailable: the broker has not confirmed
	e.services =
		e.gate.Admit( // unavailable: the server is stopping
			ours(judge, // unavailable: the broker belongs to another store
				&journey.Accept{Broker: broker})) // invalid; unavailable: the broker has not confirmed
	return e
}
