package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Heartbeat is what a node says of itself, several times a second and when it leaves.
type Heartbeat struct {
	Node
	Leaving bool `json:"gone,omitempty"` // it is leaving
}

// MaxHeartbeat is the longest heartbeat that is read, in bytes.
const MaxHeartbeat = 16 << 10

// Encode returns the heartbeat as it travels.
func (h Heartbeat) Encode() ([]byte, error) { return json.Marshal(h) }

// DecodeHeartbeat reads a heartbeat. Any user of the broker may have sent it.
func DecodeHeartbeat(body []byte) (Heartbeat, error) {
	var h Heartbeat
	if len(body) > MaxHeartbeat {
		return h, fmt.Errorf("a heartbeat of %d bytes is longer than %d", len(body), MaxHeartbeat)
	}
	if err := json.Unmarshal(body, &h); err != nil {
		return h, err
	}
	if h.ID == "" {
		return h, errors.New("a heartbeat without the id of a node")
	}
	return h, nil
}

// Hear notes a heartbeat that came at the given time, and reports whether its node was not known before.
func (t *Table) Hear(h Heartbeat, at time.Time) (newcomer bool) {
	if h.Leaving {
		t.mu.Lock()
		t.noteFinished(h.Finished)
		t.mu.Unlock()
		t.Left(h.ID)
		return false
	}
	_, known := t.Find(h.ID)
	t.Heard(h.Node, at)
	return !known && h.ID != t.self.ID
}
