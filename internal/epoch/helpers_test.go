package epoch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/store/driver"
)

const storeID = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"

// broker is a broker with a record, which nodes of it read at once.
type broker struct {
	mu     sync.Mutex
	away   bool
	left   int // changes of the record until the broker is away; 0: no limit
	record peer.StoreRecord
	states map[string]peer.Node // of the living nodes, as their heartbeats tell
}

func newBroker() *broker { return &broker{states: map[string]peer.Node{}} }

// member is a node's view of the broker.
type member struct {
	b     *broker
	id    string
	known bool
	old   *peer.StoreRecord // what a suspended node knows of the record
}

func (m *member) Store() (peer.StoreRecord, bool) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if m.old != nil {
		return *m.old, m.known
	}
	return m.b.record, m.known
}

func (m *member) ChangeStore(_ context.Context, change func(peer.StoreRecord) peer.StoreRecord) (peer.StoreRecord, error) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	if m.b.away {
		return peer.StoreRecord{}, &errs.Error{Code: errs.Unavailable, Msg: "the broker is away"}
	}
	if m.b.left--; m.b.left == 0 {
		m.b.away = true
	}
	m.known, m.old = true, nil
	m.b.record = change(m.b.record)
	return m.b.record, nil
}

func (m *member) Self() peer.Node { return peer.Node{ID: m.id} }

func (m *member) SetStore(state *peer.StoreState) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	n := m.b.states[m.id]
	n.ID, n.Store = m.id, state
	m.b.states[m.id] = n
}

func (m *member) Others(store string, _ time.Time) (nodes []peer.Node, all bool) {
	m.b.mu.Lock()
	defer m.b.mu.Unlock()
	for id, n := range m.b.states {
		if id != m.id && n.Store.ID == store {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b peer.Node) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return nodes, true
}

// database is what nodes connect to.
type database struct {
	mu        sync.Mutex
	store     string
	server    string
	confirmed string
	epochs    []string
	mark      string
	had       map[string]bool     // marks
	log       map[string][]string // the ids of a room's messages, from number 1 on
	begins    []driver.Seen       // what Verdict.Missing named at the last end
	reasons   []string
}

func newDatabase() *database {
	return &database{store: storeID, server: "first", epochs: []string{"e1"}, had: map[string]bool{}, log: map[string][]string{}}
}

// copied returns a copy on another server.
func (d *database) copied(server string) *database {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &database{store: d.store, server: server, confirmed: d.confirmed, epochs: slices.Clone(d.epochs), mark: d.mark, had: maps.Clone(d.had), log: map[string][]string{}}
	for room, ids := range d.log {
		c.log[room] = slices.Clone(ids)
	}
	return c
}

func (d *database) present() chat.Epoch {
	id := d.epochs[len(d.epochs)-1]
	return chat.Epoch{Store: d.store, ID: id, First: len(d.epochs) == 1}
}

func (d *database) append(room string) chat.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := fmt.Sprintf("%s-%s-%d", d.server, room, len(d.log[room])+1)
	d.log[room] = append(d.log[room], id)
	return chat.Message{Room: room, Seq: int64(len(d.log[room])), ID: id, Epoch: d.present().ID}
}

func (d *database) look() driver.Look {
	d.mu.Lock()
	defer d.mu.Unlock()
	return driver.Look{
		Epoch: d.present(), Epochs: slices.Clone(d.epochs), Fingerprint: d.server, Confirmed: d.confirmed, Mark: d.mark,
		Messages: len(d.log) > 0,
		Missing: func(_ context.Context, seen []driver.Seen) (missing []driver.Seen, err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, s := range seen {
				if ids := d.log[s.Room]; int64(len(ids)) < s.Seq || ids[s.Seq-1] != s.ID {
					missing = append(missing, s)
				}
			}
			return missing, nil
		},
		Had: d.hasHad(d.mark),
	}
}

// hasHad returns driver.Look.Had for a look that has seen a mark.
func (d *database) hasHad(seen string) func(context.Context, string) (bool, error) {
	return func(_ context.Context, mark string) (bool, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.mark != seen {
			return false, errLost
		}
		return mark == "" || d.had[mark], nil
	}
}

var errLost = errors.New("another node has changed the database")

// apply does what the driver does with a verdict.
func (d *database) apply(l *driver.Look, v driver.Verdict) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.present().ID != l.Epoch.ID:
		return errLost
	case v.End != "":
		d.epochs = append(d.epochs, fmt.Sprintf("e%d", len(d.epochs)+1))
		d.begins, d.reasons = v.Missing, append(d.reasons, v.End)
	}
	d.confirmed = l.Fingerprint
	return nil
}

// node is a node with a driver that is connected to a database.
type node struct {
	*Judge
	t      *testing.T
	member *member
	log    *bytes.Buffer

	mu     sync.Mutex
	db     *database
	in     chat.Epoch // of the driver
	server string     // that the driver has compared last
	away   bool       // SetMark fails
	looks  int
	why    error
}

func (b *broker) start(t *testing.T, id string, db *database) *node {
	n := &node{t: t, member: &member{b: b, id: id, known: !b.away}, log: &bytes.Buffer{}, db: db}
	n.Judge = New(Config{Record: n.member, Nodes: n.member, Log: slog.New(slog.NewTextHandler(n.log, nil))})
	return n
}

// connect is what the driver does on a new connection: until the database is used, or once if it must not be.
func (n *node) connect() error {
	for range 20 {
		l := n.db.look()
		same := n.in.ID == l.Epoch.ID && n.server == l.Fingerprint && l.Confirmed == l.Fingerprint
		if same && n.KnowsMark(l.Mark) {
			return nil
		}
		v, err := n.Judge.Judge(n.t.Context(), l)
		if errs.CodeOf(err) == errs.Conflict || err != nil && n.member.b.away {
			n.why = err
			return err
		}
		if err == nil && n.db.apply(&l, v) == nil {
			n.in, n.server, n.why = n.db.look().Epoch, l.Fingerprint, nil
			n.Entered(n.in)
			return nil
		}
	}
	n.t.Fatal("the database is never used")
	return nil
}

// Look implements Store.
func (n *node) Look() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looks++
	_ = n.connect()
}

// SetMark implements Store.
func (n *node) SetMark(_ context.Context, old, mark string) error {
	n.db.mu.Lock()
	defer n.db.mu.Unlock()
	if n.away {
		return &errs.Error{Code: errs.Unavailable, Msg: "the database is away"}
	}
	if n.db.mark == old {
		n.db.mark, n.db.had[mark] = mark, true
	}
	return nil
}

// leave ends a node.
func (n *node) leave() {
	n.member.b.mu.Lock()
	defer n.member.b.mu.Unlock()
	delete(n.member.b.states, n.member.id)
}
