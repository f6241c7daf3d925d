package topology

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"restante/internal/broker/rabbitmq/link"
)

// look finds out once what is missing, and makes it again if that may be done. It returns what is still missing. Once the
// record is known it only looks, so that calls which change something, and may hang, are made when they are needed.
func (k *Keeper) look(ctx context.Context, s *link.Session) (missing []string, err error) {
	report := k.takeReport()
	r, known := k.Record()
	if known && k.compared && report == "" && !k.hasRemade() {
		f, err := k.find(s, &r)
		if err != nil {
			return nil, err
		}
		k.note(ctx, f.missing())
		if !f.actionable() {
			return f.missing(), nil
		}
	}
	err = k.locked(ctx, func(ctx context.Context, s *link.Session, l *lock) (err error) {
		explained := l.record.Version != r.Version // a message came back because its key was old
		returned := report
		if explained {
			returned = ""
		}
		missing, err = k.mend(ctx, s, l, returned)
		return err
	})
	if err == nil && report != "" {
		k.cfg.Log.DebugContext(ctx, "looked after the broker because of a report", "report", report)
	}
	if err != nil && report != "" {
		k.Report(report)
	}
	return missing, err
}

// findings is what a look has found.
type findings struct {
	exchanges []exchange // that do not exist
	queues    []string   // that do not exist and may be made, or that have come back: the record says whether they are complete
	waiting   []string   // queues that do not exist or are being refilled, and may not be made or bound yet
	noRecord  bool       // no record lies in its queue, unless another node has it in hand
}

func (f *findings) missing() []string {
	var names []string
	for _, e := range f.exchanges {
		names = append(names, "exchange "+e.name)
	}
	for _, q := range f.queues {
		names = append(names, "queue "+q)
	}
	for _, q := range f.waiting {
		names = append(names, "queue "+q)
	}
	return names
}

// actionable reports whether there is something to do under the lock.
func (f *findings) actionable() bool { return len(f.exchanges)+len(f.queues) > 0 || f.noRecord }

// find looks for everything that must be there, and changes nothing but that it binds the queues of the dead letters, of
// those that were removed, and of the inbox: nobody notices when such a binding is gone.
func (k *Keeper) find(s *link.Session, r *Record) (f findings, err error) {
	c, p := &caller{s: s}, plan{s.BrokerVersion()}
	defer c.end()
	for _, e := range p.exchanges() {
		exists, err := c.hasExchange(e)
		if err != nil {
			return f, err
		}
		if !exists {
			f.exchanges = append(f.exchanges, e)
		}
	}
	for _, q := range []queue{p.removedQueue(), p.deadQueue(), p.inboxQueue(), p.recordQueue()} {
		state, exists, err := c.hasQueue(q.name)
		if err != nil {
			return f, err
		}
		if exists && q.name == link.DeadQueue {
			k.cfg.Letters(state.Messages)
		}
		switch {
		case !exists && q.name == link.InboxQueue && !k.cfg.Free(q.name):
			f.waiting = append(f.waiting, q.name)
		case !exists:
			f.queues = append(f.queues, q.name)
		case q.name == link.RecordQueue:
			f.noRecord = state.Messages == 0
		case len(f.exchanges) == 0:
			if err := c.bindAll(q); err != nil {
				return f, err
			}
		}
	}
	for q := range r.Partitions {
		_, exists, err := c.hasQueue(intakeName(q))
		if err != nil {
			return f, err
		}
		g := r.Generations[q]
		switch {
		case exists && g.Refilling == "" && !k.isMissing("queue "+intakeName(q)):
		case k.waits(q, g, exists):
			f.waiting = append(f.waiting, intakeName(q))
		default:
			f.queues = append(f.queues, intakeName(q))
		}
	}
	return f, nil
}

// waits reports whether a queue of the intake that does not exist, or is being refilled, is left to another node or to a
// consumer of this node.
func (k *Keeper) waits(q int, g Generation, exists bool) bool {
	switch {
	case k.isRestoring(q):
		return true
	case g.Refilling != "" && g.Refilling != k.cfg.Node && k.cfg.Alive(g.Refilling):
		return true
	}
	return !exists && !k.cfg.Free(intakeName(q))
}

// mending is one pass under the lock.
type mending struct {
	k *Keeper
	s *link.Session
	l *lock
	c *caller
	p plan

	rebind bool     // bindings may be gone
	report string   // what came back, "" for nothing
	made   bool     // a queue was made
	left   []string // what is missing after it
}

// newQueuePause is how long queues that were just made are not used. RabbitMQ 3.10 notes on disk that a quorum queue exists
// some time after it has said so, and even after it has confirmed messages. If it is killed before that, it comes back
// with a queue that does not answer, and without those messages.
const newQueuePause = time.Second

// mend makes what is missing, under the lock, and returns what has to wait. A new process also compares what is there. With
// a report it makes the bindings of the intake again, which nobody can see.
func (k *Keeper) mend(ctx context.Context, s *link.Session, l *lock, report string) ([]string, error) {
	m := &mending{
		k: k, s: s, l: l, c: &caller{s: s}, p: plan{s.BrokerVersion()}, rebind: report != "" || !k.compared, report: report,
	}
	m.c.doubtful = m.isDoubtful
	defer m.c.end()
	for _, step := range []func(context.Context) error{m.exchanges, m.others, m.intake} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	k.compared = true
	k.forgetRemade()
	k.note(ctx, m.left)
	return m.left, nil
}

func (m *mending) exchanges(ctx context.Context) error {
	for _, e := range m.p.exchanges() {
		if err := m.k.makeExchange(ctx, m.c, e); err != nil {
			return err
		}
	}
	m.rebind = m.rebind || m.k.isRemade(link.IntakeExchange) || m.k.isRemade(link.QueuesExchange)
	return nil
}

// others makes and binds the queues that are not of the intake.
func (m *mending) others(ctx context.Context) error {
	for _, q := range []queue{m.p.removedQueue(), m.p.deadQueue(), m.p.recordQueue(), m.p.inboxQueue()} {
		exists, err := m.exists(q)
		if err != nil {
			return err
		}
		if !exists && q.name == link.InboxQueue && m.l.record.Made && !m.k.cfg.Free(q.name) {
			m.left = append(m.left, "queue "+q.name)
			continue
		}
		if err := m.declare(ctx, q, exists); err != nil {
			return err
		}
		if err := m.c.bindAll(q); err != nil {
			return err
		}
	}
	return nil
}

// exists reports whether a queue exists. On a new broker it does not look, because each look for a queue that does not exist
// leaves an error in the broker's log.
func (m *mending) exists(q queue) (bool, error) {
	if !m.l.record.Made {
		return false, nil
	}
	_, exists, err := m.c.hasQueue(q.name)
	return exists, err
}

// declare makes a queue that does not exist. A new process compares one that exists.
func (m *mending) declare(ctx context.Context, q queue, exists bool) error {
	if exists && m.k.compared {
		return nil
	}
	if !exists && m.l.record.Made {
		m.k.noteMissing(ctx, "queue "+q.name)
	}
	m.made = m.made || !exists
	return m.c.declareQueue(m.p, q)
}

// intake makes and binds the queues of the partitions.
func (m *mending) intake(ctx context.Context) error {
	var again, over, bound []int
	r := m.l.record
	for q := range r.Partitions {
		exists, err := m.exists(m.p.intakeQueue(q))
		if err != nil {
			return err
		}
		g := r.Generations[q]
		switch {
		case !r.Made || exists && g.Refilling == "":
			if err := m.declare(ctx, m.p.intakeQueue(q), exists); err != nil {
				return err
			}
			bound = append(bound, q)
		case m.k.waits(q, g, exists):
			m.left = append(m.left, "queue "+intakeName(q))
		case exists:
			over = append(over, q)
		default:
			again = append(again, q)
		}
	}
	if err := m.raise(ctx, again, over); err != nil {
		return err
	}
	if m.rebind {
		for _, q := range bound {
			if err := m.bind(q); err != nil {
				return err
			}
		}
	}
	return m.complete(ctx)
}

// bind binds a queue of the intake with the key of its generation.
func (m *mending) bind(q int) error { return bindIntake(m.c, m.p, m.l.record, q) }

func bindIntake(c *caller, p plan, r *Record, q int) error {
	if err := c.bindAll(p.intakeQueue(q)); err != nil {
		return err
	}
	return c.bind(intakeName(q), binding{link.IntakeExchange, IntakeKey(q, r.Generation(q))})
}

// complete notes on a new broker that everything exists.
func (m *mending) complete(ctx context.Context) error {
	if m.l.record.Made {
		return nil
	}
	if err := pause(ctx, m.s); err != nil {
		return err
	}
	r := m.l.record.clone()
	r.Made = true
	return m.k.write(ctx, m.l, r)
}

// pause waits for newQueuePause.
func pause(ctx context.Context, s *link.Session) error {
	select {
	case <-time.After(newQueuePause):
		return nil
	case <-s.Lost():
		return s.Why()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// raise begins the next generation of partitions whose queue was deleted: those whose queue is made again, and those that
// another node has refilled but not bound before it ended.
func (m *mending) raise(ctx context.Context, again, over []int) error {
	if len(again)+len(over) == 0 {
		return nil
	}
	k := m.k
	if len(again) > 0 {
		r := m.l.record.clone()
		for _, q := range again {
			r.Generations[q] = Generation{Number: r.Generation(q) + 1, Refilling: k.cfg.Node, Received: k.cfg.Finished(q)}
		}
		if err := k.write(ctx, m.l, r); err != nil {
			return err
		}
		for _, q := range again {
			if err := m.declare(ctx, m.p.intakeQueue(q), false); err != nil {
				return err
			}
		}
		if err := pause(ctx, m.s); err != nil {
			return err
		}
	}
	r := m.l.record.clone()
	for _, q := range again {
		r.Generations[q] = Generation{Number: r.Generation(q), Received: k.cfg.Finished(q)}
	}
	for _, q := range over {
		received, err := peek(ctx, m.s, m.c, intakeName(q))
		if err != nil {
			return fmt.Errorf("read queue %s, which a node has left unbound: %w", intakeName(q), err)
		}
		r.Generations[q] = Generation{Number: r.Generation(q) + 1, Received: merge(received, k.cfg.Finished(q))}
	}
	if err := k.write(ctx, m.l, r); err != nil {
		return err
	}
	for _, q := range append(again, over...) {
		if err := m.bind(q); err != nil {
			return err
		}
		k.cfg.Log.WarnContext(ctx, "a queue was deleted and is made again, what nobody had in hand is destroyed",
			"queue", intakeName(q), "generation", strconv.FormatInt(r.Generation(q), 10))
	}
	return nil
}
