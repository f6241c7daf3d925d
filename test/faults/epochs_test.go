package faults

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/load"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// history is a cluster with a database server of its own, whose database the nodes reach through a proxy: they do not notice
// when it is another server that answers there.
type history struct {
	cluster
	primary *nodes.Postgres
	direct  string // URL of the database on the first server
	proxy   *testkit.Proxy
	servers []*testkit.Server
	edge    string // URL of a load balancer over the nodes
	room    string
	readers epochReaders // they are connected all the time
	away    epochReaders // they go away before the loss and come back after it
	senders *load.Senders
}

// startHistory starts two nodes under load, with readers on every transport.
func startHistory(t *testing.T) *history {
	t.Helper()
	h := &history{primary: testkit.OwnPostgres(t), room: "past"}
	var err error
	h.direct, err = h.primary.Database(t.Context(), "restante")
	noError(t, err)
	h.cluster = cluster{testkit.Cluster{Broker: testkit.VHost(t), Store: h.direct}, t}
	h.cluster, h.proxy = h.viaStore()
	h.servers = h.lossy(2)
	h.edge = balancer(t, h.servers...).URL()
	h.load()
	h.readers = startEpochReaders(t, h.edge, h.room)
	h.away = startEpochReaders(t, h.edge, h.room)
	noError(t, h.senders.WaitAccepted(within(t, limit), 100))
	h.readers.waitSeq(t, 50)
	h.away.waitSeq(t, 50)
	return h
}

// lossy starts nodes whose store will lose messages.
func (h *history) lossy(n int) (servers []*testkit.Server) {
	h.t.Helper()
	for range n {
		servers = append(servers, h.Start(h.t, testkit.Options{EpochsEnd: true}, allRoles))
	}
	return servers
}

// load starts to send.
func (h *history) load() {
	h.t.Helper()
	h.senders = startSenders(h.t, load.SenderConfig{URL: h.edge, Room: h.room, Senders: 4, Every: 10 * time.Millisecond})
}

// accept waits until more messages have been accepted.
func (h *history) accept(n int64) {
	h.t.Helper()
	noError(h.t, h.senders.WaitAccepted(within(h.t, limit), h.senders.Accepted()+n))
}

// settle stops sending, and returns what is stored when everything that RabbitMQ had is. A message that was stored and
// acknowledged before the loss is not among it.
func (h *history) settle() []chat.Message {
	h.t.Helper()
	h.senders.Stop()
	last := fill(h.t, h.edge, h.room, 1) // it is stored after all others of its room
	var stored []chat.Message
	eventually(h.t, "the last message is stored", func() bool {
		stored = h.servers[0].ReadRoom(h.room)
		return len(stored) > 0 && stored[len(stored)-1].ID == last[0].ID
	})
	return stored
}

// check compares every reader with what is stored: those that were connected, those that were away, and some that join now.
func (h *history) check(when string) {
	h.t.Helper()
	stored := h.settle()
	h.readers.check(h.t, when+", connected", stored)
	h.away.resume(h.t)
	h.away.check(h.t, when+", away", stored)
	late := startEpochReaders(h.t, h.edge, h.room)
	late.check(h.t, when+", joined later", stored)
	late.pause()
}

// ended returns how many epochs the running nodes have ended.
func (h *history) ended() (n float64) {
	h.t.Helper()
	for _, s := range h.servers {
		n += metric(h.t, s, "restante_epochs_ended_total")
	}
	return n
}

// lost checks that a loss was noticed once: by a metric, a line of the log and the resets of readers that were there. Each node
// that ran counts the end of an epoch.
func (h *history) lost() {
	h.t.Helper()
	if n := h.ended(); n < 1 || n > float64(len(h.servers)) {
		h.t.Errorf("%d nodes count %v ends of an epoch", len(h.servers), n)
	}
	said := 0
	for _, s := range h.servers {
		for line := range strings.SplitSeq(s.Log(), "\n") {
			if strings.Contains(line, `"level":"ERROR"`) && strings.Contains(line, "epoch") {
				said++
			}
		}
	}
	if said == 0 {
		h.t.Error("no line of the log says that an epoch has ended")
	}
	for name, readers := range map[string]epochReaders{"connected": h.readers, "away": h.away} {
		if n := readers.resetBy(chat.ReasonEpoch); n < len(readers) {
			h.t.Errorf("%d resets for %d readers that were %s", n, len(readers), name)
		}
	}
}

// The primary is killed while its asynchronous standby lacks the newest messages, and the standby is promoted.
func TestEpochs_AsynchronousFailover(t *testing.T) {
	t.Parallel()
	h := startHistory(t)
	replication := testkit.StartProxy(t, h.primary.Addr())
	standby := testkit.Standby(t, h.primary, replication.Addr())
	h.accept(20)
	replication.Stall(testkit.Down)
	h.accept(50)
	h.away.pause()
	h.fail(standby)
	h.accept(100)
	h.check("after the failover")
	h.lost()
}

// fail kills the primary and promotes a standby in its place.
func (h *history) fail(standby *nodes.Postgres) {
	h.t.Helper()
	h.primary.Kill()
	noError(h.t, standby.Promote(within(h.t, limit)))
	h.proxy.Retarget(standby.Addr())
	h.proxy.Cut()
}

// A switchover that loses nothing ends no epoch, and no reader is told anything.
func TestEpochs_PlannedSwitchover(t *testing.T) {
	t.Parallel()
	h := startHistory(t)
	standby := testkit.Standby(t, h.primary, h.primary.Addr())
	h.accept(20)
	h.proxy.Refuse(true) // as a pooler does: it stops the writes, waits until the standby has everything, and goes on there
	h.proxy.Cut()
	h.away.pause()
	h.caughtUp(standby)
	h.primary.Kill()
	noError(t, standby.Promote(within(t, limit)))
	h.proxy.Retarget(standby.Addr())
	h.proxy.Refuse(false)
	h.accept(100)
	h.check("after the switchover")
	if n := h.ended(); n != 0 {
		t.Errorf("%v epochs have ended, want none", n)
	}
	if n := h.readers.resetBy(chat.ReasonEpoch) + h.away.resetBy(chat.ReasonEpoch); n != 0 {
		t.Errorf("%d resets, want none", n)
	}
}

// caughtUp waits until a standby has all that the primary has.
func (h *history) caughtUp(standby *nodes.Postgres) {
	h.t.Helper()
	eventually(h.t, "the standby has everything", func() bool {
		newest := h.query(h.direct, "SELECT pg_current_wal_lsn()::text")
		there := strings.Replace(h.direct, h.primary.Addr(), standby.Addr(), 1)
		return h.query(there, "SELECT (pg_last_wal_replay_lsn() >= '"+newest+"')::text") == "true"
	})
}

// query returns the one text that a statement returns.
func (h *history) query(database, sql string) (text string) {
	h.t.Helper()
	conn, err := pgx.Connect(h.t.Context(), database)
	noError(h.t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(h.t.Context())) }()
	noError(h.t, conn.QueryRow(h.t.Context(), sql).Scan(&text))
	return text
}

// An older copy of the database is put in its place while all nodes are down, and later the same copy again. The room has
// grown past the loss before the first reader that was away comes back.
func TestEpochs_TheSameCopyRestoredTwice(t *testing.T) {
	t.Parallel()
	h := startHistory(t)
	noError(t, h.primary.Backup(within(t, limit)))
	h.accept(50)
	h.away.pause()
	for round := range 2 {
		h.senders.Stop()
		for _, s := range h.servers {
			s.Stop(limit)
		}
		noError(t, h.primary.RestoreBackup(within(t, limit)))
		for _, s := range h.servers {
			s.Restart()
		}
		h.load()
		h.accept(100)
		h.readers.check(t, fmt.Sprintf("after restore %d", round+1), h.settle())
		h.load()
	}
	h.check("after both restores")
	h.lost()
}

// The database of another installation is put in the place of the first one, while all nodes are down. They refuse it, and say
// how it becomes theirs.
func TestEpochs_CloneOfAnotherInstallation(t *testing.T) {
	t.Parallel()
	other := newCluster(t)
	sent := fill(t, other.node(allRoles).URL(), "past", 300) // longer than what the readers have, so that their numbers exist there
	h := startHistory(t)
	h.away.pause()
	h.senders.Stop()
	for _, s := range h.servers {
		s.Stop(limit)
	}
	h.proxy.Retarget(hostOf(t, other.Store))
	h.Store = strings.Replace(h.Store, "/restante?", "/"+databaseOf(t, other.Store)+"?", 1)
	if err := h.TryStart(t, testkit.Options{}, allRoles); err == nil || !strings.Contains(err.Error(), "restante broker store adopt") {
		t.Fatalf("a node starts on the database of another installation: %v", err)
	}
	h.adopt()
	h.servers = h.lossy(2)
	h.moveReaders(balancer(t, h.servers...).URL())
	h.load()
	h.accept(100)
	h.check("with the clone")
	if stored := h.servers[0].ReadRoom(h.room); len(stored) < len(sent) || stored[0].ID != sentFirst(sent, stored) {
		t.Error("the messages of the clone are not there")
	}
	if n := h.away.resetBy(chat.ReasonEpoch); n < len(h.away) {
		t.Errorf("%d resets for %d readers that were away", n, len(h.away))
	}
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	noError(t, err)
	return u.Host
}

func databaseOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	noError(t, err)
	return strings.TrimPrefix(u.Path, "/")
}

func sentFirst(sent []load.Send, stored []chat.Message) string {
	for _, s := range sent {
		if s.ID == stored[0].ID {
			return s.ID
		}
	}
	return ""
}

// moveReaders sends all clients to another address.
func (h *history) moveReaders(url string) {
	h.edge = url
	for _, r := range append(append(epochReaders{}, h.readers...), h.away...) {
		r.stop()
		r.url = url
	}
	h.readers.resume(h.t)
}

// adopt makes the database that the nodes are to use the one of the broker.
func (h *history) adopt() {
	h.t.Helper()
	out, err := exec.CommandContext(within(h.t, limit), testkit.Binary(h.t), "broker", "store", "adopt",
		"--broker", strings.Join(h.Broker, ","), "--store", h.Store).CombinedOutput()
	if err != nil {
		h.t.Fatalf("restante broker store adopt: %v\n%s", err, out)
	}
}

// Somebody drops the schema under running nodes and makes it anew. The nodes use nothing of it, and accept nothing, until it
// is said that it is theirs.
func TestEpochs_SchemaMadeAnew(t *testing.T) {
	t.Parallel()
	h := startHistory(t)
	h.away.pause()
	before := h.servers[0].ReadRoom(h.room)
	conn, err := pgx.Connect(t.Context(), h.direct)
	noError(t, err)
	_, err = conn.Exec(t.Context(), "DROP SCHEMA restante CASCADE")
	noError(t, err)
	noError(t, conn.Close(t.Context()))
	out, err := exec.CommandContext(within(t, limit), testkit.Binary(t), "migrate", "--store", h.direct).CombinedOutput()
	if err != nil {
		t.Fatalf("restante migrate: %v\n%s", err, out)
	}
	for _, s := range h.servers {
		waitReady(t, s, 503)
	}
	if n := h.query(h.direct, "SELECT count(*)::text FROM restante.messages"); n != "0" {
		t.Errorf("%s messages were stored in a database that is not known", n)
	}
	h.adopt()
	for _, s := range h.servers {
		waitReady(t, s, 200)
	}
	h.accept(100)
	h.check("with the new schema")
	if stored := h.servers[0].ReadRoom(h.room); stored[0].ID == before[0].ID {
		t.Error("the schema is not a new one")
	}
	for name, readers := range map[string]epochReaders{"connected": h.readers, "away": h.away} {
		if n := readers.resetBy(chat.ReasonEpoch); n < len(readers) {
			t.Errorf("%d resets for %d readers that were %s", n, len(readers), name)
		}
	}
}

// Rows vanish from the database under running nodes, with the same server, schema and mark, and the room grows past them before
// anybody reads it again.
func TestEpochs_RowsVanish(t *testing.T) {
	t.Parallel()
	h := startHistory(t)
	h.away.pause()
	conn, err := pgx.Connect(t.Context(), h.direct)
	noError(t, err)
	for _, statement := range []string{
		"BEGIN", "LOCK TABLE restante.rooms",
		"DELETE FROM restante.messages WHERE seq > (SELECT last_seq - 30 FROM restante.rooms)",
		"UPDATE restante.rooms SET last_seq = last_seq - 30",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'restante'",
		"COMMIT",
	} {
		_, err := conn.Exec(t.Context(), statement)
		noError(t, err)
	}
	noError(t, conn.Close(t.Context()))
	h.accept(100)
	h.check("after rows have vanished")
	h.lost()
}
