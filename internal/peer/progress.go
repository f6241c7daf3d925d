package peer

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Progress is what this node tells the others about the queues that it consumes: which it has found deleted, and up to which
// number it has finished the messages of each publishing node. Its methods may be called concurrently, and do not block.
type Progress struct {
	now  func() time.Time
	news chan struct{}

	mu       sync.Mutex
	queues   map[string]queueState
	finished map[int]map[string]finish // by partition and publishing node
}

// queueState is what the node knows of a queue that it consumes.
type queueState struct {
	partition int // -1 for a queue that is no partition
	deleted   bool
	inHand    bool      // it may have deliveries of the queue that are not stored
	until     time.Time // when this is forgotten, zero for never
}

// finish is the greatest finished number of a publishing node, and when it rose last.
type finish struct {
	number int64
	at     time.Time
}

const (
	// repeatFor is for how long heartbeats repeat a number after it rose: a node that misses some of them hears it still.
	repeatFor = 5 * time.Second
	// maxPublishers bounds how many publishing nodes are remembered for a partition. A node that starts again is another one.
	maxPublishers = 1000
)

// NewProgress returns the progress of a node that consumes nothing yet.
func NewProgress() *Progress {
	return &Progress{
		now: time.Now, news: make(chan struct{}, 1), queues: map[string]queueState{}, finished: map[int]map[string]finish{},
	}
}

// News returns a channel with an element, at most one, when the others should hear of a change at once.
func (p *Progress) News() <-chan struct{} { return p.news }

// Consuming says that the node consumes a queue from now on and that the queue exists, as far as the node knows. The
// partition is -1 for a queue that is no partition.
func (p *Progress) Consuming(queue string, partition int) {
	p.set(queue, &queueState{partition: partition, inHand: true})
}

// Deleted says that a queue is deleted, and whether the node still has deliveries of it that are not stored.
func (p *Progress) Deleted(queue string, partition int, inHand bool) {
	p.set(queue, &queueState{partition: partition, deleted: true, inHand: inHand})
}

// Unused says that a queue is deleted which somebody looks for now. If this node does not consume it, the others hear for a
// while that it has nothing of it in hand.
func (p *Progress) Unused(queue string, partition int) {
	p.mu.Lock()
	known, used := p.queues[queue]
	p.mu.Unlock()
	if !used || !known.until.IsZero() {
		p.set(queue, &queueState{partition: partition, deleted: true, until: p.now().Add(Silence)})
	}
}

// Stopped says that the node does not consume a queue any more and has no deliveries of it.
func (p *Progress) Stopped(queue string) { p.set(queue, nil) }

func (p *Progress) set(queue string, state *queueState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.queues[queue]
	if state == nil {
		delete(p.queues, queue)
	} else {
		p.queues[queue] = *state
	}
	if after := p.queues[queue]; before.deleted != after.deleted || after.deleted && before.inHand != after.inHand {
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
}

// HasNothingOf reports whether this node has no deliveries of a queue in hand: it does not consume the queue, or has found it
// deleted and stored what it had.
func (p *Progress) HasNothingOf(queue string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.queues[queue].inHand
}

// Finish notes that messages of a partition are stored or dead-lettered: by publishing node, the greatest number.
func (p *Progress) Finish(partition int, numbers map[string]int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.finished[partition]
	if known == nil {
		known = map[string]finish{}
		p.finished[partition] = known
	}
	for publisher, n := range numbers {
		before, found := known[publisher]
		if n <= before.number {
			continue
		}
		if !found && len(known) >= maxPublishers {
			forgetOldest(known)
		}
		known[publisher] = finish{n, p.now()}
	}
}

func forgetOldest(known map[string]finish) {
	oldest, at := "", time.Time{}
	for publisher, f := range known {
		if oldest == "" || f.at.Before(at) {
			oldest, at = publisher, f.at
		}
	}
	delete(known, oldest)
}

// FinishedOf returns the greatest finished number of one publishing node.
func (p *Progress) FinishedOf(partition int, publisher string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.finished[partition][publisher].number
}

// Finished returns what this node has finished of a partition: by publishing node, the greatest number. The caller may
// change the map.
func (p *Progress) Finished(partition int) map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	numbers := make(map[string]int64, len(p.finished[partition]))
	for publisher, f := range p.finished[partition] {
		numbers[publisher] = f.number
	}
	return numbers
}

// Fill adds the progress to a heartbeat, which is otherwise complete. It keeps the heartbeat within MaxHeartbeat: numbers
// that rose long ago are left out first. A node that leaves tells all numbers that fit.
func (p *Progress) Fill(h *Heartbeat) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.Deleted, h.Finished = nil, nil
	urgent := map[int]bool{}
	for queue, state := range p.queues {
		if !state.until.IsZero() && p.now().After(state.until) {
			delete(p.queues, queue)
			continue
		}
		if !state.deleted {
			continue
		}
		if h.Deleted == nil {
			h.Deleted = map[string]bool{}
		}
		h.Deleted[queue] = state.inHand
		urgent[state.partition] = true
	}
	told := p.worthTelling(h.Leaving, urgent)
	if len(told) == 0 {
		return nil
	}
	body, err := h.Encode()
	if err != nil {
		return err
	}
	left := MaxHeartbeat - len(body) - len(`,"finished":{}`)
	h.Finished = map[int]map[string]int64{}
	for _, t := range told {
		size := len(t.publisher) + len(strconv.FormatInt(t.number, 10)) + len(`"":,`)
		if h.Finished[t.partition] == nil {
			size += len(strconv.Itoa(t.partition)) + len(`"":{},`)
		}
		if left -= size; left < 0 {
			break
		}
		if h.Finished[t.partition] == nil {
			h.Finished[t.partition] = map[string]int64{}
		}
		h.Finished[t.partition][t.publisher] = t.number
	}
	return nil
}

// telling is a number as a heartbeat tells it.
type telling struct {
	partition int
	publisher string
	finish
	urgent bool
}

// worthTelling returns the numbers for a heartbeat, those of deleted queues first, then those that rose last.
func (p *Progress) worthTelling(all bool, urgent map[int]bool) (told []telling) {
	since := p.now().Add(-repeatFor)
	for partition, numbers := range p.finished {
		for publisher, f := range numbers {
			if all || urgent[partition] || f.at.After(since) {
				told = append(told, telling{partition, publisher, f, urgent[partition]})
			}
		}
	}
	slices.SortFunc(told, func(a, b telling) int {
		if a.urgent != b.urgent {
			return cmp.Compare(boolToInt(b.urgent), boolToInt(a.urgent))
		}
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.partition, b.partition), cmp.Compare(a.publisher, b.publisher))
	})
	return told
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Merge raises the numbers of a map to those of another: by publishing node, the greatest number. It returns the first map,
// or a new one if that is nil.
func Merge(numbers, others map[string]int64) map[string]int64 {
	if numbers == nil {
		return maps.Clone(others)
	}
	for publisher, n := range others {
		numbers[publisher] = max(numbers[publisher], n)
	}
	return numbers
}

// ReadNumber reads the number of a message from the text that travels with it, and reports whether the publisher has the form
// of a node's id. Other services may publish with texts of their own.
func ReadNumber(publisher, text string) (n int64, ok bool) {
	if publisher == "" || len(publisher) > maxID {
		return 0, false
	}
	for i := range len(publisher) {
		c := publisher[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}

// maxID is the greatest length of a node's id, in bytes. NewID makes shorter ones.
const maxID = 36
