package link

import "hash/fnv"

// The names on the broker that more than one package uses. They are part of the interface: operators see them and other
// services bind to them.
const (
	IntakeExchange = "restante.intake"  // direct: accepted messages; the routing key is the partition
	IntakeQueue    = "restante.intake." // and the partition: quorum, one active consumer
	InboxExchange  = "restante.inbox"   // topic: what other services send; the routing key is the room
	InboxQueue     = "restante.inbox"   // quorum, one active consumer
	DeadExchange   = "restante.dead"    // fanout: what cannot be stored
	DeadQueue      = "restante.dead"    // quorum
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
