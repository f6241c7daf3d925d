package rabbitmq

import (
	"sync/atomic"
	"time"
)

// busy knows which partitions this node has handled batches of lately. Each batch is a transaction: when many partitions
// are busy, longer batches save more than they delay, and when only one is busy, waiting saves nothing.
type busy struct {
	last []atomic.Int64 // when the last batch of a partition was taken, in nanoseconds of Unix time
}

const (
	lately    = 100 * time.Millisecond
	gatherFor = 5 * time.Millisecond // for each other partition that is busy
)

func (b *busy) note(q int, now time.Time) { b.last[q].Store(now.UnixNano()) }

// pause returns for how long a batch of partition q is gathered.
func (b *busy) pause(q int, now time.Time) time.Duration {
	pause := time.Duration(0)
	for other := range b.last {
		if other != q && now.UnixNano()-b.last[other].Load() < int64(lately) {
			pause += gatherFor
		}
	}
	return min(pause, maxGather)
}
