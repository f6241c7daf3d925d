// Package rabbitmq is the broker of many machines: a driver over RabbitMQ. Between Accept and Persist it keeps messages in
// quorum queues, one per partition of the rooms, each with one active consumer among all nodes. Between Persist and
// Deliver it sends stored messages through a topic exchange, to which other services may listen too. It reconnects by
// itself and keeps every promise over lost connections, lost nodes and redeliveries. What can never be stored becomes a
// dead letter.
//
// Package link below it has the connections, package topology knows which exchanges and queues there must be, and makes them,
// and package deadletter has the dead letters. Here the queues are used. Follow a message: publish.go sends it to its
// partition; consume.go keeps a consumer on each partition, and decides with peer.Balance when another node is to have it;
// batch.go stores a batch and acknowledges it; announce.go publishes what was stored; subscribe.go hears it with ears.go, and
// hearing.go notices when nothing is heard. inbox.go reads what other services send. heartbeats.go is what nodes publish about
// themselves. When a queue is deleted, hand.go is what becomes of the deliveries of a registration, account.go and resend.go
// what the publishers know of their messages, and others.go what the keeper of the topology asks. policies.go looks, by
// package management, for settings of the queues that may lose messages. checks.go has the
// checks of readiness. rabbitmq.go opens and closes all of it.
package rabbitmq
