package link

import "hash/fnv"

// The names on the broker that more than one package uses. They are part of the interface: operators see them and other
// services bind to them.
const (
	IntakeExchange   = "restante.intake"   // direct: accepted messages; the routing key is the partition and its generation
	IntakeQueue      = "restante.intake."  // and the partition: quorum, one active consumer
	InboxExchange    = "restante.inbox"    // topic: what other services send; the routing key is the room
	InboxQueue       = "restante.inbox"    // quorum, one active consumer
	MessagesExchange = "restante.messages" // topic: stored messages; the routing key is "room." and the room
	NodesExchange    = "restante.nodes"    // fanout: heartbeats
	DeadExchange     = "restante.dead"     // fanout: what cannot be stored
	DeadQueue        = "restante.dead"     // quorum
	RemovedQueue     = "restante.removed"  // quorum, one active consumer: dead letters that the broker has removed, to be counted
	RecordQueue      = "restante.record"   // quorum, one active consumer: what all nodes agree on

	// QueuesExchange is direct. It leads to a queue of the intake, to RecordQueue and to RemovedQueue, by the name of the queue. The default
	// exchange does that too, but the user of the nodes need not have rights on it.
	QueuesExchange = "restante.queues"
)

// LetterHeader is the header with the id of a dead letter. A Sender tells messages on their way apart by it, since two
// letters may hold the same message.
const LetterHeader = "restante-letter"

// Partition returns the partition of a room. It must never change: messages of a room in two partitions could overtake
// each other.
func Partition(room string, partitions int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(room))
	return int(h.Sum32() % uint32(partitions))
}
