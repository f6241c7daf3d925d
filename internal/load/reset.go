package load

import (
	"encoding/json"
	"fmt"
	"maps"

	"restante/internal/chat"
)

// entered processes the answer to the join, and then the events that came before it.
func (r *Reader) entered(result json.RawMessage) error {
	var joined struct {
		Epoch string
		Reset *chat.Reset
	}
	if err := json.Unmarshal(result, &joined); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	r.isJoined, r.epoch = true, joined.Epoch
	r.seen.Connects++
	once(r.joined)
	if joined.Reset != nil {
		r.reset(*joined.Reset)
	}
	early := r.early
	r.early = nil
	for _, b := range early {
		if err := r.invoked(b); err != nil {
			return err
		}
	}
	return nil
}

// reset goes on where the server does, and forgets what was seen of numbers that stand for other messages now. When the server
// has removed messages the reading begins anew after them: they can no longer be compared with the log.
func (r *Reader) reset(to chat.Reset) {
	r.seen.Resets++
	r.epoch = to.Epoch
	if kept := to.After - r.seen.After; to.Reason == chat.ReasonEpoch && kept >= 0 && to.After < r.next {
		r.forget(kept)
	} else {
		r.seen.After, r.seen.sum, r.sums = to.After, 0, nil
	}
	maps.DeleteFunc(r.missing, func(seq int64, _ struct{}) bool { return seq > to.After || seq <= r.seen.After })
	r.next = to.After + 1
	r.position.Store(to.After)
}

// forget drops the checksums of all but the first numbers.
func (r *Reader) forget(kept int64) {
	if !r.cfg.IDs {
		return
	}
	r.sums = r.sums[:kept]
	r.seen.sum = 0
	if kept > 0 {
		r.seen.sum = r.sums[kept-1]
	}
}
