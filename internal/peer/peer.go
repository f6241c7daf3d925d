// Package peer is what the nodes of a cluster know of each other: who is there, with which roles, and at which address.
// Nodes tell it each other over the broker, several times a second; the table here is what one node has heard.
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
)

// Role is a part of the journey that a node takes.
type Role string

// The roles. A node has one or more of them.
const (
	API      Role = "api"      // answers HTTP: Accept, and reading the log
	Consumer Role = "consumer" // Persist
	Hub      Role = "hub"      // Deliver: connections and event streams
)

// Roles returns every role.
func Roles() []Role { return []Role{API, Consumer, Hub} }

// Interval is how often a node says that it is there, Expiry how long the others believe it.
const (
	Interval = 500 * time.Millisecond
	Expiry   = 2 * time.Second
)

// Node is what a node tells the others of itself.
type Node struct {
	ID    string `json:"id"`    // one process: a restarted node is another one
	URL   string `json:"url"`   // where other nodes reach it, http://HOST:PORT
	Roles []Role `json:"roles"` // what it does

	// Knows lists the features that the node knows. A node of a version before the list knows chat.BaseFeatures.
	Knows   []chat.Feature `json:"knows,omitempty"`
	Release string         `json:"release,omitempty"` // its version, for people

	// Secret is known to the nodes only, which have it from the broker: a request that carries it was passed on by the node.
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

// Table is what one node has heard of all nodes, itself among them. Its methods may be called concurrently.
type Table struct {
	self Node

	mu    sync.Mutex
	nodes map[string]entry
}

type entry struct {
	node  Node
	heard time.Time
}

// memory is how long a node that is silent can still be found: requests for it may arrive when the broker, over which
// it would be heard, does not answer.
const memory = 10 * time.Minute

// NewTable returns the table of the node self, which has heard of nobody.
func NewTable(self Node) *Table { return &Table{self: self, nodes: make(map[string]entry)} }

// Self returns the node whose table it is.
func (t *Table) Self() Node { return t.self }

// Heard notes that a node has said it is there. It forgets those that were not heard of for long.
func (t *Table) Heard(n Node, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.nodes[n.ID]; !known {
		for id, e := range t.nodes {
			if now.Sub(e.heard) > memory {
				delete(t.nodes, id)
			}
		}
	}
	t.nodes[n.ID] = entry{n, now}
}

// Gone notes that a node has said it is leaving.
func (t *Table) Gone(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.nodes, id)
}

// Alive returns the nodes with the role that were heard of within Expiry before now, sorted by id. The node itself is
// among them only when it has heard itself: one that hears nobody cannot know that it is alone.
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

// Knowing returns the nodes that know a feature and were heard of within the given time before now, the node itself
// among them if it has heard itself, in no particular order.
func (t *Table) Knowing(f chat.Feature, within time.Duration, now time.Time) []Node {
	return t.filter(within, now, func(n Node) bool { return n.KnowsFeature(f) })
}

// Lacking returns the nodes that do not know a feature, were heard of within the given time before now, and have not said
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

// Find returns a node that was heard of, lately or not.
func (t *Table) Find(id string) (Node, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.nodes[id]
	return e.node, ok
}
