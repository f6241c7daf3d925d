package rabbitmq

import (
	"strconv"
	"strings"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/peer"
)

// What the keeper of the topology asks about this node and the others.

// free reports whether a deleted queue may be made again by a node that has nothing of it: no living consumer has deliveries
// of it in hand. The heartbeats tell from then on that this node has none.
func (d *Driver) free(queue string) bool {
	q := partitionOf(queue)
	d.progress.Unused(queue, q)
	return d.progress.HasNothingOf(queue) && (d.cfg.Peers == nil || d.cfg.Peers.NobodyHas(queue, q, time.Now()))
}

// mayBeAlive reports whether another node may be alive.
func (d *Driver) mayBeAlive(node string) bool {
	return d.cfg.Peers != nil && d.cfg.Peers.MayBeAlive(node, time.Now())
}

// finished returns what consumers have finished of a partition: by publishing node, the greatest number.
func (d *Driver) finished(partition int) map[string]int64 {
	numbers := d.progress.Finished(partition)
	if d.cfg.Peers != nil {
		numbers = peer.Merge(numbers, d.cfg.Peers.Finished(partition))
	}
	return numbers
}

// heartbeatRecord returns the version of the record that a heartbeat names, 0 for none.
func heartbeatRecord(body []byte) int64 {
	h, err := peer.DecodeHeartbeat(body)
	if err != nil {
		return 0
	}
	return h.Record
}

// partitionOf returns the partition of a queue, noPartition if it is none.
func partitionOf(queue string) int {
	if text, ok := strings.CutPrefix(queue, link.IntakeQueue); ok {
		if q, err := strconv.Atoi(text); err == nil {
			return q
		}
	}
	return noPartition
}
