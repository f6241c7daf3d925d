// Package peer is what the nodes of a cluster know of each other: which nodes are alive, with which roles, at which address,
// and what they can read. Each node publishes a heartbeat over the broker several times a second. Table, in peer.go, is
// what one node has heard; silence.go is what the silence of a node means for what it had in hand; progress.go is what this
// node tells of the queues that it consumes; heartbeat.go is the form of a heartbeat; balance.go decides from the table which
// node consumes which partition; store.go is what nodes tell each other about the store, revoked.go
// about revoked tokens. No broker is needed to read or to test it.
package peer

import (
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/revocation"
)

// Role is a part of the journey that a node does.
type Role string

// The roles. A node has one or more of them.
const (
	API      Role = "api"      // answers HTTP: Accept, and reading the log
	Consumer Role = "consumer" // Persist
	Hub      Role = "hub"      // Deliver: connections and event streams
)

// Roles returns every role.
func Roles() []Role { return []Role{API, Consumer, Hub} }

// Interval is how often a node sends a heartbeat, Expiry how long after it the others take the node for alive.
const (
	Interval = 500 * time.Millisecond
	Expiry   = 2 * time.Second
)

// Node is what a node says about itself in its heartbeats.
type Node struct {
	ID    string `json:"id"`    // one process: a restarted node is another one
	URL   string `json:"url"`   // where other nodes reach it, http://HOST:PORT
	Roles []Role `json:"roles"` // what it does

	// Key is the fingerprint of the key with which the process encrypts its connections with other nodes, see package nodetls. A node of
	// a version before has none and is reached without encryption.
	Key string `json:"key,omitempty"`

	// Knows lists the features that the node knows. A node of a version before the list knows chat.BaseFeatures.
	Knows   []chat.Feature `json:"knows,omitempty"`
	Release string         `json:"release,omitempty"` // its version, for people

	// Declines lists the partitions that the node leaves to others, see Balance.
	Declines []int `json:"declines,omitempty"`

	// Record is the version of the broker's record that the node knows, 0 for none. A node that hears of a later one reads it.
	Record int64 `json:"record,omitempty"`

	// Deleted lists the queues of the broker that the node has found deleted and not made again yet. The value says whether it
	// still has deliveries of the queue that are not stored.
	Deleted map[string]bool `json:"deleted,omitempty"`

	// Finished has, by partition and then by the id of the publishing node, the greatest number of a message that this node has
	// stored or dead-lettered. It has those that changed lately, and those of queues in Deleted.
	Finished map[int]map[string]int64 `json:"finished,omitempty"`

	// Failing lists the checks of readiness that fail on the node.
	Failing []string `json:"failing,omitempty"`

	// Store is what the node tells about the store, nil before it knows anything and in nodes of earlier versions.
	Store *StoreState `json:"store,omitempty"`

	// Revoked is what the node tells of revoked tokens, nil while it knows of none.
	Revoked *revocation.Told `json:"revoked,omitempty"`

	// Secret is known to the nodes only, which have it from the broker: a request that carries it was forwarded by the node.
	Secret Secret `json:"secret,omitempty"`
}

// Secret is not shown when it is printed or logged.
type Secret string

// NewSecret returns 128 random bits.
func NewSecret() Secret { return Secret(rand.Text()) }

// String hides it.
func (Secret) String() string { return "(hidden)" }

// GoString hides it.
func (Secret) GoString() string { return `"(hidden)"` }

// LogValue hides it.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// LogValue is the node's id: a log line never holds its secret.
func (n Node) LogValue() slog.Value { return slog.StringValue(n.ID) }

// NewID returns an id for a node.
func NewID() string { return strings.ReplaceAll(uuid.NewString(), "-", "")[:16] }

// Has reports whether the node has the role.
func (n Node) Has(role Role) bool { return slices.Contains(n.Roles, role) }

// KnowsFeature reports whether the node knows a feature.
func (n Node) KnowsFeature(f chat.Feature) bool {
	if len(n.Knows) == 0 {
		return slices.Contains(chat.BaseFeatures(), f)
	}
	return slices.Contains(n.Knows, f)
}

// Table is what one node has heard from all nodes, itself among them. Its methods may be called concurrently.
type Table struct {
	self Node // without Failing, Store and Revoked

	mu        sync.Mutex
	failing   []string    // what the node says of itself
	store     *StoreState // what the node says of the store; never changed after it is set
	revoked   revoked
	nodes     map[string]entry
	everKnown map[chat.Feature]bool    // by some node, since the table exists
	finished  map[int]map[string]int64 // the greatest numbers that consumers have told, see Finished
	listens   time.Time                // since when heartbeats are heard, zero before
	deafSince time.Time                // since when they are not, zero while they are
}

type entry struct {
	node     Node
	heard    time.Time
	consumed time.Time // when it has said last that it consumes
}

// rememberFor is how long a silent node can still be found: requests for it may arrive while the broker, which brings the
// heartbeats, does not answer.
const rememberFor = 10 * time.Minute

// NewTable returns the table of the node self, which has heard no heartbeat yet.
func NewTable(self Node) *Table {
	return &Table{
		self: self, nodes: make(map[string]entry), everKnown: map[chat.Feature]bool{}, finished: map[int]map[string]int64{},
		revoked: revoked{beat: make(chan struct{}, 1), heard: make(chan struct{}, 1)},
	}
}

// Self returns the node whose table it is, as its heartbeats tell of it.
func (t *Table) Self() Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	self := t.self
	self.Failing, self.Store, self.Revoked = t.failing, t.store, t.revoked.told
	return self
}

// SetFailing sets which checks of readiness fail on the node. Its heartbeats tell the others from then on. It keeps failing.
func (t *Table) SetFailing(failing []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failing = failing
}

// Heard notes a heartbeat of a node. It forgets nodes that were silent for long.
func (t *Table) Heard(n Node, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.nodes[n.ID]; !known {
		for id, e := range t.nodes {
			if now.Sub(e.heard) > rememberFor {
				delete(t.nodes, id)
			}
		}
	}
	t.noteRevoked(n)
	consumed := t.nodes[n.ID].consumed
	if n.Has(Consumer) {
		consumed = now
	}
	t.nodes[n.ID] = entry{n, now, consumed}
	t.noteFinished(n.Finished)
	for _, f := range n.Knows {
		if len(t.everKnown) < maxEverKnown {
			t.everKnown[f] = true
		}
	}
}

// maxEverKnown bounds what is remembered of heartbeats that are not a node's. Versions add one or two features each.
const maxEverKnown = 1000

// EverKnown reports whether some node has said that it knows a feature, since the table exists. The node itself counts.
func (t *Table) EverKnown(f chat.Feature) bool {
	if t.self.KnowsFeature(f) {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.everKnown[f]
}

// Left notes that a node has said that it leaves.
func (t *Table) Left(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.nodes, id)
}

// Alive returns the nodes with the role that were heard within Expiry before now, sorted by id. The node itself is
// among them only when it has heard itself: a node that hears no heartbeat cannot know that it is alone.
func (t *Table) Alive(role Role, now time.Time) []Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	var alive []Node
	for _, e := range t.nodes {
		if e.node.Has(role) && now.Sub(e.heard) <= Expiry {
			alive = append(alive, e.node)
		}
	}
	slices.SortFunc(alive, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	return alive
}

// IsAlive reports whether a node was heard within Expiry before now. Of the node itself it is false while it hears nothing.
func (t *Table) IsAlive(id string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.nodes[id]
	return known && now.Sub(e.heard) <= Expiry
}

// Knowing returns the nodes that know a feature and were heard within the given time before now, the node itself
// among them if it has heard itself, in no particular order.
func (t *Table) Knowing(f chat.Feature, within time.Duration, now time.Time) []Node {
	return t.filter(within, now, func(n Node) bool { return n.KnowsFeature(f) })
}

// Lacking returns the nodes that do not know a feature, were heard within the given time before now, and have not said
// goodbye, in no particular order. The time may be as long as the table remembers silent nodes: ten minutes.
func (t *Table) Lacking(f chat.Feature, within time.Duration, now time.Time) []Node {
	return t.filter(within, now, func(n Node) bool { return !n.KnowsFeature(f) })
}

func (t *Table) filter(within time.Duration, now time.Time, keep func(Node) bool) []Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	var nodes []Node
	for _, e := range t.nodes {
		if now.Sub(e.heard) <= within && keep(e.node) {
			nodes = append(nodes, e.node)
		}
	}
	return nodes
}

// MayBePlain reports whether requests to and from a node may go without encryption: it has announced no key, and it lives, so
// that not all living nodes have one. A node lives if it was heard within Silence of the newest heartbeat of any node: while none
// comes, what was true stays true.
func (t *Table) MayBePlain(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.nodes[id]
	return known && e.node.Key == "" && t.newest().Sub(e.heard) <= Silence
}

// Plain returns how many other nodes may be reached without encryption, see MayBePlain.
func (t *Table) Plain() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	newest, n := t.newest(), 0
	for id, e := range t.nodes {
		if id != t.self.ID && e.node.Key == "" && newest.Sub(e.heard) <= Silence {
			n++
		}
	}
	return n
}

// newest returns when the newest heartbeat was heard. The caller has the lock.
func (t *Table) newest() (at time.Time) {
	for _, e := range t.nodes {
		if e.heard.After(at) {
			at = e.heard
		}
	}
	return at
}

// HasKey reports whether a known node has announced the key with this fingerprint.
func (t *Table) HasKey(fingerprint string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.nodes {
		if e.node.Key == fingerprint && fingerprint != "" {
			return true
		}
	}
	return false
}

// Find returns a node that was heard, lately or not.
func (t *Table) Find(id string) (Node, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.nodes[id]
	return e.node, ok
}
