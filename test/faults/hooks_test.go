package faults

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/broker"
	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/journey"
	"restante/internal/load"
	"restante/internal/store"
	"restante/internal/store/postgres"
)

// The product has no hooks to die at. This binary therefore starts itself again as a consumer that is made of the same
// parts, with a point between two of them where it ends as kill -9 does.

// Variables that make this binary such a consumer.
const (
	deathVariable  = "RESTANTE_FAULTS_DEATH" // one of the deaths
	brokerVariable = "RESTANTE_FAULTS_BROKER"
	storeVariable  = "RESTANTE_FAULTS_STORE"
)

// The points between storing, announcing and acknowledging a batch.
const (
	beforeCommit  = "before the commit"
	afterCommit   = "after the commit and before the announcement"
	afterAnnounce = "after the announcement and before the acknowledgement"
)

// mortal is a consumer that lives until its standard input ends, and dies in the next batch.
type mortal struct {
	death  string
	doomed atomic.Bool
	store  *store.Store
	broker *broker.Broker
}

// consumeAndDie runs the consumer. It returns only when that fails.
func consumeAndDie(ctx context.Context, death string) error {
	d, err := rabbitmq.Open(ctx, rabbitmq.Config{URLs: strings.Split(os.Getenv(brokerVariable), ",")})
	if err != nil {
		return err
	}
	database, err := postgres.Open(ctx, os.Getenv(storeVariable), postgres.Config{})
	if err != nil {
		return err
	}
	m := &mortal{death: death, store: store.New(database, store.Config{}), broker: broker.New(d, broker.Config{})}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		m.doomed.Store(true)
		<-time.After(2 * limit) // nobody is left who would end it
		os.Exit(1)
	}()
	persist := &journey.Persist{Store: m, Broker: m}
	return m.broker.Consume(ctx, persist.Persist)
}

// Append implements journey.Appender.
func (m *mortal) Append(ctx context.Context, batch []chat.Message) ([]chat.Message, error) {
	m.dieAt(beforeCommit)
	stored, err := m.store.Append(ctx, batch)
	if err == nil {
		m.dieAt(afterCommit)
	}
	return stored, err
}

// Announce implements journey.Announcer.
func (m *mortal) Announce(ctx context.Context, stored []chat.Message) error {
	err := m.broker.Announce(ctx, stored)
	if err == nil {
		m.dieAt(afterAnnounce)
	}
	return err
}

func (m *mortal) dieAt(point string) {
	if m.death == point && m.doomed.Load() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it has arrived
	}
}

// A consumer dies in the middle of a batch, at each point where it matters. Another one takes over, and every reader sees
// everything once: under load, and also when what it dies with is the last for long, so that nothing later tells of it.
func TestConsumer_KilledInTheMiddleOfABatch(t *testing.T) {
	for _, death := range []string{beforeCommit, afterCommit, afterAnnounce} {
		t.Run(death, func(t *testing.T) {
			c := newCluster(t)
			edge := c.node("api,hub")
			first := c.startMortal(death)
			w := startWork(t, workConfig{Post: edge.URL(), Read: edge.URL()}) // it is the mortal one that stores
			heir := c.node(consumer)
			f := follow(t, w, edge)
			if stored := metric(t, heir, "restante_stored_total"); stored > 0 {
				t.Fatalf("the heir has stored %v messages before it was its turn", stored)
			}
			first.doom()
			first.wait()
			w.flow(50)
			if death != beforeCommit && metric(t, heir, "restante_duplicates_total") == 0 {
				t.Error("nothing was stored twice: the kill came at the wrong time")
			}

			f.stop()
			w.level()
			second := c.startMortal(death)
			heir.Kill()
			second.doom()
			for _, r := range w.rooms {
				last := load.Send{ID: uuid.NewString(), Room: r.name, ClientID: "last", Text: "last words", Begun: time.Now()}
				if !try(t, edge, &last) {
					t.Fatal("not accepted")
				}
				r.more = append(r.more, last)
			}
			second.wait()
			heir.Restart()
			w.check("consumer killed " + death)
		})
	}
}

// A consumer dies while PostgreSQL is at work on its batch, in a transaction that holds the locks of rooms. Another one
// takes over, and it makes no difference whether the transaction of the dead one still takes place.
func TestConsumer_KilledInTheTransaction(t *testing.T) {
	c := newCluster(t)
	edge := c.node("api,hub")
	victim := c.node(consumer)
	w := startWork(t, workConfig{Post: edge.URL(), Read: edge.URL(), Rooms: 4, Senders: 2})
	f := follow(t, w, edge)
	tx, err := c.database().Begin(within(t, limit))
	noError(t, err)
	_, err = tx.Exec(within(t, limit), `LOCK TABLE restante.messages IN SHARE MODE`) // reading goes on, storing waits
	noError(t, err)
	watch := c.database() // another connection: what a transaction sees of the others stays as it saw it first
	waits := func(begun time.Time) func() bool {
		return func() bool {
			var found bool
			noError(t, watch.QueryRow(within(t, limit), `SELECT EXISTS (SELECT FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock' AND backend_start >= $1)`, begun).Scan(&found))
			return found
		}
	}
	eventually(t, "a transaction waits", waits(time.Time{}))
	victim.Kill()
	died := time.Now() // by the clock of PostgreSQL, too
	c.node(consumer)
	eventually(t, "a transaction of the heir waits too", waits(died))
	w.accept(20)
	noError(t, tx.Rollback(within(t, limit)))
	w.flow(50)
	f.stop()
	w.check("consumer killed in the transaction")
}

// mortalProcess is this binary as a consumer that will die.
type mortalProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	log   strings.Builder
	ended chan struct{}
}

// startMortal starts this binary as a consumer. It ends with the test at the latest.
func (c cluster) startMortal(death string) *mortalProcess {
	c.t.Helper()
	self, err := os.Executable()
	noError(c.t, err)
	p := &mortalProcess{t: c.t, cmd: exec.Command(self), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), deathVariable+"="+death, brokerVariable+"="+strings.Join(c.Broker, ","), storeVariable+"="+c.Store)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.stdin, err = p.cmd.StdinPipe()
	noError(c.t, err)
	noError(c.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // its state tells
		close(p.ended)
	}()
	c.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// doom makes it die in its next batch.
func (p *mortalProcess) doom() { _ = p.stdin.Close() }

// wait waits until it has died, as it was to.
func (p *mortalProcess) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-within(p.t, limit).Done():
		p.t.Fatal("the consumer has not died: no batch came")
	}
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		p.t.Fatalf("the consumer has ended with %v; its log:\n%s", p.cmd.ProcessState, p.log.String())
	}
}

// runMortal is TestMain of such a process.
func runMortal(death string) int {
	if err := consumeAndDie(context.Background(), death); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}
