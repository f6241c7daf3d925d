package cli

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/store/driver"
	"restante/internal/store/postgres"
	"restante/internal/testkit"
)

// TestBrokerStore_Adopt gives a broker to another store, which is refused while a node with the first one consumes.
func TestBrokerStore_Adopt(t *testing.T) {
	address := testkit.VHost(t)[0]
	t.Setenv("RESTANTE_BROKER", address)
	store := testkit.Database(t)
	t.Setenv("RESTANTE_STORE", store)
	if got := run(t.Context(), "", "broker", "store"); got.code != exitFailed || !strings.Contains(got.err, "no node of this version") {
		t.Errorf("before any node: %+v", got)
	}
	table := peer.NewTable(peer.Node{ID: peer.NewID(), URL: "http://consumer", Roles: []peer.Role{peer.Consumer}})
	d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: []string{address}, Partitions: 1, Peers: table})
	if err != nil {
		t.Fatal(err)
	}
	var consuming sync.WaitGroup
	consuming.Go(func() {
		_ = d.Consume(t.Context(), func(context.Context, []chat.Message) error { return nil })
	})
	stop := sync.OnceFunc(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		consuming.Wait()
	})
	defer stop()
	if got := run(t.Context(), "", "broker", "store"); got.code != exitOK || got.out != "the broker belongs to no store yet\n" {
		t.Errorf("before a node names one: %+v", got)
	}
	first := peer.StoreRecord{ID: "11111111-1111-4111-8111-111111111111", Marks: []string{"m"}, At: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)}
	if _, err := d.ChangeStore(t.Context(), func(peer.StoreRecord) peer.StoreRecord { return first }); err != nil {
		t.Fatal(err)
	}
	table.SetStore(&peer.StoreState{ID: first.ID})
	if got := run(t.Context(), "", "broker", "store"); !strings.Contains(got.out, first.ID) || !strings.Contains(got.out, "2026-01-02T12:00:00Z") {
		t.Errorf("%+v", got)
	}
	if got := run(t.Context(), "", "broker", "store", "--json"); !strings.HasPrefix(got.out, `{"id":"`+first.ID+`","marks":["m"]`) {
		t.Errorf("--json: %+v", got)
	}
	for !table.IsAlive(table.Self().ID, time.Now()) || len(table.Alive(peer.Consumer, time.Now())) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the node is never heard to consume")
		}
	}
	putMessages(t, store, "lobby", 3)
	if got := run(t.Context(), "", "broker", "store", "adopt"); got.code != exitFailed || !strings.Contains(got.err, "stop them first: http://consumer") {
		t.Errorf("while a node consumes: %+v", got)
	}
	stop()
	got := run(t.Context(), "", "broker", "store", "adopt")
	if got.code != exitOK || !strings.Contains(got.out, "has begun the epoch ") {
		t.Fatalf("%+v", got)
	}
	if got := run(t.Context(), "", "broker", "store", "adopt"); got.code != exitOK || !strings.Contains(got.out, "already") {
		t.Errorf("again: %+v", got)
	}
	checkAdopted(t, store, got.out)
}

// checkAdopted compares the store with what the command has printed, and with the broker.
func checkAdopted(t *testing.T, store, printed string) {
	t.Helper()
	d, err := postgres.Open(t.Context(), store, postgres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var epochs []driver.Epoch
	e, err := d.Epoch()
	if err == nil {
		epochs, err = d.Epochs(t.Context())
	}
	if err != nil || len(epochs) != 2 || e.ID != epochs[1].ID || !strings.Contains(printed, e.Store) || !strings.HasSuffix(printed, e.ID+"\n") {
		t.Errorf("the store has the epochs %v, %v", epochs, err)
	}
	for _, cursor := range []string{"", epochs[0].ID} {
		if seq, err := d.Beginning(t.Context(), "lobby", cursor); err != nil || seq != 0 {
			t.Errorf("readers with a cursor of the epoch %q go on after %d, want the beginning; %v", cursor, seq, err)
		}
	}
	if got := run(t.Context(), "", "broker", "store"); !strings.Contains(got.out, e.Store) {
		t.Errorf("the broker has another store: %+v", got)
	}
}

// putMessages stores messages of a room in a PostgreSQL database.
func putMessages(t *testing.T, store, room string, n int) {
	t.Helper()
	d, err := postgres.Open(t.Context(), store, postgres.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	batch := make([]chat.Message, n)
	for i := range batch {
		batch[i] = chat.Message{ID: uuid.NewString(), Room: room, ClientID: "ann", Msg: "hello", SentAt: chat.Micros(time.Now())}
	}
	if _, err := d.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

func TestBrokerStore_UsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"broker store adopt --broker amqp://h":                   "--store",
		"broker store adopt --broker amqp://h --store sqlite:/x": "PostgreSQL",
		"broker store": "address of a RabbitMQ",
		"broker store adopt --store postgres://h/d":                 "address of a RabbitMQ",
		"broker store adopt --broker inproc: --store postgres://h/": "address of a RabbitMQ",
	} {
		if got := run(t.Context(), "", strings.Fields(line)...); got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v, want %q", line, got, want)
		}
	}
}
