package rabbitmq

import "restante/internal/broker/rabbitmq/link"

// The names on the broker that only this package uses; package link has the others. They are part of the interface:
// operators see them and other services bind to them.
const (
	messagesExchange = link.MessagesExchange
	nodesExchange    = link.NodesExchange
	hubQueue         = "restante.hub."   // and the node: what it hears of restante.messages
	nodesQueue       = "restante.nodes." // and the node: what it hears of restante.nodes

	roomKey = "room." // the routing key of a stored message is this and the room
)
