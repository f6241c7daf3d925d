package rabbitmq

// The names on the broker that only this package uses; link has the others. They are part of the interface: operators see
// them and other services bind to them.
const (
	messagesExchange = "restante.messages" // topic: stored messages; the routing key is roomKey and the room
	nodesExchange    = "restante.nodes"    // fanout: heartbeats
	hubQueue         = "restante.hub."     // and the node: what it hears of restante.messages
	nodesQueue       = "restante.nodes."   // and the node: what it hears of restante.nodes

	roomKey = "room."
)
