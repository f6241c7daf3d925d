package faults

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/load"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// backlog is accepted messages of one room that wait, because PostgreSQL is frozen: a consumer has in hand what the broker
// delivers ahead, and the rest lies in the queue.
type backlog struct {
	c       cluster
	pg      *nodes.Postgres
	room    string
	servers []*testkit.Server // that count what is destroyed
	sends   []load.Send       // accepted or not
}

// frozen returns a cluster with a PostgreSQL of its own.
func frozen(t *testing.T) (cluster, *nodes.Postgres) {
	t.Helper()
	pg := testkit.OwnPostgres(t)
	store, err := pg.Database(t.Context(), "restante")
	noError(t, err)
	return cluster{testkit.Cluster{Broker: testkit.VHost(t), Store: store}, t}, pg
}

// pile freezes PostgreSQL and sends about 1,000 messages through each of the servers, more than a consumer takes ahead.
func pile(t *testing.T, c cluster, pg *nodes.Postgres, room string, servers ...*testkit.Server) *backlog {
	t.Helper()
	b := &backlog{c: c, pg: pg, room: room, servers: servers}
	for _, s := range servers {
		b.sends = append(b.sends, fill(t, s.URL(), room, 50)...)
	}
	<-time.After(time.Second) // until the consumer knows that these are stored, and has told it
	pg.Pause()
	t.Cleanup(pg.Resume)
	for _, s := range servers {
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Room: room, Senders: 20, Timeout: 15 * time.Second, StopTimeout: 15 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_ = senders.WaitAccepted(ctx, 1000) // with a limit of the queue's length fewer are accepted
		cancel()
		b.sends = append(b.sends, senders.Stop()...)
	}
	return b
}

// accepted returns how many messages were accepted.
func (b *backlog) accepted() (n int) {
	for _, s := range b.sends {
		if !s.Accepted.IsZero() {
			n++
		}
	}
	return n
}

// deleteQueue deletes the queue in which the messages wait, as an operator does.
func (b *backlog) deleteQueue() { b.c.manage(http.MethodDelete, "/queues/VHOST/"+intakeOf(b.room), "") }

// send sends n more messages, which are accepted as soon as the queue exists again.
func (b *backlog) send(t *testing.T, n int) {
	t.Helper()
	senders := startSenders(t, load.SenderConfig{URL: b.servers[0].URL(), Room: b.room, Senders: 1, Each: n, Timeout: 20 * time.Second})
	senders.Wait()
	b.sends = append(b.sends, senders.Stop()...)
}

// outcome is what became of accepted messages.
type outcome struct{ stored, dead, destroyed int }

func (o outcome) sum() int { return o.stored + o.dead + o.destroyed }

// account waits until each accepted message is stored, dead-lettered, or counted as destroyed, and checks that none is
// missing, and that the stored ones have the order in which they were sent. No more than surplus may be counted twice: a
// consumer that died cannot say what became of the batch that it had just given to PostgreSQL.
func (b *backlog) account(t *testing.T, reader *testkit.Server, surplus int) outcome {
	t.Helper()
	var o outcome
	eventually(t, "every accepted message is accounted for", func() bool {
		o = b.count(t, reader)
		return o.sum() >= b.accepted()
	})
	<-time.After(3 * time.Second) // nothing may be stored, or counted, after that
	if o = b.count(t, reader); o.sum() < b.accepted() || o.sum() > b.accepted()+surplus {
		t.Errorf("%d messages were accepted: %+v", b.accepted(), o)
	}
	log := reader.ReadRoom(b.room)
	stored := b.stored(log)
	report := load.Check(load.Evidence{Sends: stored, Stored: log})
	noError(t, report.Err())
	return o
}

// stored returns the sends that are in the log.
func (b *backlog) stored(log []chat.Message) (sends []load.Send) {
	ids := map[string]bool{}
	for i := range log {
		ids[log[i].ID] = true
	}
	for _, s := range b.sends {
		if ids[s.ID] {
			sends = append(sends, s)
		}
	}
	return sends
}

func (b *backlog) count(t *testing.T, reader *testkit.Server) (o outcome) {
	t.Helper()
	for _, s := range b.stored(reader.ReadRoom(b.room)) {
		if !s.Accepted.IsZero() {
			o.stored++
		}
	}
	o.dead = strings.Count(b.c.dead("list", "--json"), "\n")
	for _, s := range b.servers {
		o.destroyed += int(metric(t, s, "restante_destroyed_total"))
	}
	return o
}

// A queue is deleted while messages wait in it and PostgreSQL is away. What a consumer has in hand comes back before newer
// messages; what nobody has was destroyed by the deletion, and the nodes that published it count it exactly.
func TestDestroyed_WhatLayInADeletedQueueIsCounted(t *testing.T) {
	t.Parallel()
	c, pg := frozen(t)
	servers := c.nodes(2, allRoles)
	b := pile(t, c, pg, "waiting", servers...)
	b.deleteQueue()
	b.send(t, 20)
	pg.Resume()
	o := b.account(t, servers[0], 0)
	t.Logf("%d accepted: %+v", b.accepted(), o)
	if o.destroyed == 0 || o.dead != 0 {
		t.Errorf("%+v; want some destroyed, since more waited than one consumer takes ahead, and no dead letters", o)
	}
}

// The node that has the messages of the deleted queue in hand stops, is killed, or sleeps, before it could put them back.
// Others make the queue again; nothing is lost in silence, stored twice, or out of order.
func TestDestroyed_ItsHolderEndsInTheMiddle(t *testing.T) {
	for what, end := range map[string]func(t *testing.T, holder *testkit.Server){
		"stopped": func(t *testing.T, holder *testkit.Server) { holder.Terminate() },
		"killed":  func(_ *testing.T, holder *testkit.Server) { holder.Kill() },
		"asleep": func(t *testing.T, holder *testkit.Server) {
			noError(t, syscall.Kill(holder.PID(), syscall.SIGSTOP))
			wake := time.AfterFunc(20*time.Second, func() { _ = syscall.Kill(holder.PID(), syscall.SIGCONT) })
			t.Cleanup(func() { wake.Stop(); _ = syscall.Kill(holder.PID(), syscall.SIGCONT) })
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			c, pg := frozen(t)
			via, proxy := c.viaBroker()
			holder := via.node(consumer) // alone, so that it is the one that has the messages
			edges := c.nodes(2, "api,hub")
			b := pile(t, c, pg, "held-"+what, edges...)
			c.node(consumer)
			<-time.After(2 * time.Second) // until they know of each other
			proxy.Stall(testkit.Up)       // what the holder sends does not arrive
			b.deleteQueue()
			<-time.After(500 * time.Millisecond)
			end(t, holder)
			began := time.Now()
			b.send(t, 20)
			t.Logf("accepted again after %v", time.Since(began).Round(time.Millisecond))
			proxy.Resume(testkit.Up)
			pg.Resume()
			o := b.account(t, edges[0], 500)
			t.Logf("%d accepted: %+v", b.accepted(), o)
		})
	}
}

// Policies of an operator for all queues would drop what the broker has confirmed. What they drop becomes a dead letter, or
// is counted as destroyed; a node that starts, and one that runs, names the policy. The time of expires deletes the queue of the
// dead letters again and again, since nothing consumes it, and RabbitMQ tells nobody what was in it. So that is tested without
// what makes dead letters.
func TestPolicies_DropNothingInSilence(t *testing.T) {
	for name, definition := range map[string]string{
		"max-length":       `{"max-length": 100}`,
		"max-length-bytes": `{"max-length-bytes": 20000}`,
		"message-ttl":      `{"message-ttl": 300}`,
		"expires":          `{"expires": 1000}`,
		"drop-head":        `{"max-length": 100, "overflow": "drop-head"}`,
		"everything":       `{"max-length": 100, "max-length-bytes": 20000, "overflow": "drop-head", "message-ttl": 300}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, pg := frozen(t)
			running := c.node(allRoles)
			c.manage(http.MethodPut, "/policies/VHOST/clean", fmt.Sprintf(`{"pattern": ".*", "apply-to": "queues", "definition": %s}`, definition))
			started := c.node(allRoles)
			for _, s := range []*testkit.Server{running, started} {
				eventually(t, "the log names the policy", func() bool { return strings.Contains(s.Log(), "clean") })
				eventually(t, "/readyz is degraded because of the policy", func() bool { return readinessOf(t, s).status == "degraded" })
			}
			b := pile(t, c, pg, "policy", running, started)
			<-time.After(2 * time.Second)
			if name == "expires" { // what is counted below needs the queue of the dead letters
				c.manage(http.MethodDelete, "/policies/VHOST/clean", "")
				eventually(t, "the queue of the dead letters is there", func() bool { return c.has("queues/VHOST/restante.dead") })
			}
			pg.Resume()
			o := b.account(t, running, 0)
			t.Logf("%d accepted: %+v", b.accepted(), o)
		})
	}
}
