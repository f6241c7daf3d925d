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

// The server has no hooks for tests that let it die at a certain point. Therefore this test binary also runs as a
// consumer: it consists of the same parts as the server, but kills itself between two of them.

// Environment variables that make this binary such a consumer.
const (
	deathVariable  = "RESTANTE_FAULTS_DEATH" // one of the points below
	brokerVariable = "RESTANTE_FAULTS_BROKER"
	storeVariable  = "RESTANTE_FAULTS_STORE"
)

// The points between storing, announcing and acknowledging a batch.
const (
	beforeCommit  = "before the commit"
	afterCommit   = "after the commit and before the announcement"
	afterAnnounce = "after the announcement and before the acknowledgement"
)

// mortal is a consumer. After its standard input has ended, it kills itself in the next batch.
type mortal struct {
	death  string
	dying  atomic.Bool
	store  *store.Store
	broker *broker.Broker
}

// consumeAndDie runs the consumer. It returns only if the consumer fails.
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
		m.dying.Store(true)
		<-time.After(2 * limit) // the test has died and cannot end this process
		os.Exit(1)
	}()
	persist := &journey.Persist{Store: m, Broker: m}
	return m.broker.Consume(ctx, persist.Persist)
}

// Append implements journey.Appender.
func (m *mortal) Append(ctx context.Context, batch []chat.Message) (chat.Appended, error) {
	m.dieAt(beforeCommit)
	done, err := m.store.Append(ctx, batch)
	if err == nil {
		m.dieAt(afterCommit)
	}
	return done, err
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
	if m.death == point && m.dying.Load() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal has arrived
	}
}

// A consumer dies in the middle of a batch, at each of the points. Another consumer takes over, and every reader sees
// every message once: under load, and also when no other message follows for a long time that could reveal a missing
// one.
func TestConsumer_KilledInTheMiddleOfABatch(t *testing.T) {
	for _, death := range []string{beforeCommit, afterCommit, afterAnnounce} {
		t.Run(death, func(t *testing.T) {
			c := newCluster(t)
			edge := c.node("api,hub")
			first := c.startMortal(death)
			w := startWork(t, workConfig{Post: edge.URL(), Read: edge.URL()}) // the consumer that will die stores these messages
			other := c.node(consumer)
			f := follow(t, w, edge)
			if stored := metric(t, other, "restante_stored_total"); stored > 0 {
				t.Fatalf("the other consumer has stored %v messages before it took over", stored)
			}
			first.dieNext()
			first.wait()
			w.flow(50)
			if death != beforeCommit && metric(t, other, "restante_duplicates_total") == 0 {
				t.Error("no message was stored twice: the kill came at the wrong time")
			}

			f.stop()
			w.level()
			second := c.startMortal(death)
			other.Kill()
			second.dieNext()
			for _, r := range w.rooms {
				last := load.Send{ID: uuid.NewString(), Room: r.name, ClientID: "last", Text: "last words", Begun: time.Now()}
				if !try(t, edge, &last) {
					t.Fatal("not accepted")
				}
				r.more = append(r.more, last)
			}
			second.wait()
			other.Restart()
			w.check("consumer killed " + death)
		})
	}
}

// A consumer dies while PostgreSQL executes its transaction, which holds the locks of rooms. Another consumer takes
// over. It does not matter whether the first transaction still commits.
func TestConsumer_KilledInTheTransaction(t *testing.T) {
	c := newCluster(t)
	edge := c.node("api,hub")
	victim := c.node(consumer)
	w := startWork(t, workConfig{Post: edge.URL(), Read: edge.URL(), Rooms: 4, Senders: 2})
	f := follow(t, w, edge)
	tx, err := c.database().Begin(within(t, limit))
	noError(t, err)
	_, err = tx.Exec(within(t, limit), `LOCK TABLE restante.messages IN SHARE MODE`) // reading works, storing waits
	noError(t, err)
	watch := c.database() // a second connection, because a transaction always sees the same state of other sessions
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
	died := time.Now() // compared with the clock of PostgreSQL, too
	c.node(consumer)
	eventually(t, "a transaction of the other consumer waits too", waits(died))
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
		_ = p.cmd.Wait() // its state has the result
		close(p.ended)
	}()
	c.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// dieNext makes it die in its next batch.
func (p *mortalProcess) dieNext() { _ = p.stdin.Close() }

// wait waits until it has died as intended.
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
