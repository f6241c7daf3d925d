package peer

import (
	"time"

	"restante/internal/revocation"
)

// revoked is what this node tells of revoked tokens, and who waits for what others tell. Table.mu guards told.
type revoked struct {
	told  *revocation.Told // never changed after it is set
	beat  chan struct{}    // buffered, one element: a heartbeat must be sent
	heard chan struct{}    // buffered, one element: another node has told something new
}

// TellRevoked sets what the node tells of revoked tokens; nil for nothing. Its heartbeats tell the others from then on, and the next
// one is due at once if the digest has changed. It keeps told.
func (t *Table) TellRevoked(told *revocation.Told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if digestOf(told) != digestOf(t.revoked.told) {
		wake(t.revoked.beat)
	}
	t.revoked.told = told
}

// Beat returns a channel with an element, at most one, when a heartbeat must not wait for its turn.
func (t *Table) Beat() <-chan struct{} { return t.revoked.beat }

// HeardRevoked returns a channel with an element, at most one, when another node may have told something new of revoked tokens.
func (t *Table) HeardRevoked() <-chan struct{} { return t.revoked.heard }

// OthersRevoked returns what the other nodes that were heard within Expiry before now tell of revoked tokens, nil for each that tells
// nothing.
func (t *Table) OthersRevoked(now time.Time) []*revocation.Told {
	others := t.filter(Expiry, now, func(n Node) bool { return n.ID != t.self.ID })
	told := make([]*revocation.Told, len(others))
	for i := range others {
		told[i] = others[i].Revoked
	}
	return told
}

// noteRevoked compares a heartbeat with the last one of its node. The caller holds mu.
func (t *Table) noteRevoked(n Node) {
	if n.ID != t.self.ID && digestOf(n.Revoked) != digestOf(t.nodes[n.ID].node.Revoked) {
		wake(t.revoked.heard)
	}
}

func digestOf(t *revocation.Told) string {
	if t == nil {
		return ""
	}
	return t.Digest
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
