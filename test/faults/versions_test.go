package faults

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	rabbitlink "restante/internal/broker/rabbitmq/link"
	"restante/internal/load"
	"restante/internal/testkit"
)

// A cluster is upgraded node by node under load, taken back in the middle, and upgraded again: every mixture of versions
// keeps the promises, and no message becomes a dead letter. The binary under test is the older version; the newer one
// knows one kind of entry and one migration more.
func TestVersions_RollingUpgradeAndBack(t *testing.T) {
	t.Parallel()
	older, newer := testkit.Binary(t), testkit.Newer(t)
	c := newCluster(t)
	apis, consumers, hubs := c.nodes(2, api), c.nodes(2, consumer), c.nodes(2, hub)
	w := startWork(t, workConfig{
		Post: balancer(t, apis...).URL(), Read: balancer(t, hubs...).URL(), Rooms: 4, Senders: 2, Readers: 2,
	})
	f := follow(t, w, apis...)
	upgrade := func(binary string, nodes ...*testkit.Server) {
		t.Helper()
		for _, node := range nodes {
			if code := node.Stop(limit); code != 0 {
				t.Errorf("a node that was told to stop has ended with code %d", code)
			}
			node.RestartAs(binary)
		}
		w.flow(50)
	}

	upgrade(newer, apis...) // which also changes the schema
	apis[0].Kill()          // a node of the older version starts on the newer schema, also after a crash
	apis[0].RestartAs(older)
	consumers[0].Kill()
	consumers[0].Restart()
	hubs[0].Kill()
	hubs[0].Restart()
	w.flow(50)

	upgrade(older, apis...) // the reverse: older API nodes before newer consumers and hubs
	upgrade(newer, consumers...)
	upgrade(newer, hubs...)

	upgrade(older, consumers...) // back to where it began
	upgrade(older, hubs...)
	if switches := c.switches(); len(switches) > 0 {
		t.Errorf("%v is switched on, though nodes that do not know it were alive", switches)
	}

	upgrade(newer, apis...)
	upgrade(newer, consumers...)
	upgrade(newer, hubs...)
	eventually(t, "the newer kind is switched on when the last older node has left", func() bool {
		return strings.Join(c.switches(), " ") == "kind:tomorrow"
	})
	f.stop()
	w.check("rolling upgrade, back, and again")
	c.waitDead(0)

	consumers[1].Stop(limit)
	err := c.TryStart(t, testkit.Options{Binary: older}, consumer)
	if err == nil || !strings.Contains(err.Error(), "kind:tomorrow") || !strings.Contains(err.Error(), "or newer") {
		t.Errorf("an older node beside a kind that is switched on: %v; want a refusal that names the kind and the version", err)
	}
}

// An entry of a newer kind arrives while older nodes consume beside a newer one. The older nodes give its partition up to
// the node that knows the kind; nothing is lost, doubled, out of order, or a dead letter.
func TestVersions_OlderConsumersLeaveANewerKindToANewerNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	edge := c.node("api,hub")
	c.nodes(2, consumer)
	w := startWork(t, workConfig{Post: edge.URL(), Read: edge.URL()})
	c.Start(t, testkit.Options{Binary: testkit.Newer(t)}, consumer)
	eventually(t, "the newer node consumes", func() bool { return metric(t, edge, `restante_nodes_alive{role="consumer"}`) == 3 })
	publish := c.publisher()
	for n := range 20 {
		for _, r := range w.rooms {
			r.more = append(r.more, c.publishKind(publish, "tomorrow", r.name, fmt.Sprint("of tomorrow ", n)))
		}
		w.flow(5)
	}
	w.check("entries of a newer kind beside older consumers")
	c.waitDead(0)
}

// A foreign program puts entries of a kind that no version knows into the intake. After a minute they are dead letters
// that say so, and their rooms, which waited, go on; nothing else is lost.
func TestVersions_ForeignKindBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	node := c.node(allRoles)
	c.node(consumer)
	w := startWork(t, workConfig{Post: node.URL(), Read: node.URL(), Senders: 2, Every: 50 * time.Millisecond})
	publish := c.publisher()
	foreign := w.rooms[0].name
	began := time.Now()
	for _, kind := range []string{"parade", "parade", "circus"} {
		c.publishKind(publish, kind, foreign, "not for a log")
	}
	if waited := w.rooms[0].senders.Accepted(); waited == 0 {
		t.Error("nothing was accepted before the foreign entries")
	}
	w.accept(20)
	list := c.waitDeadWithin(3, 2*time.Minute)
	if took := time.Since(began); took < 55*time.Second {
		t.Errorf("the entries were dead letters after %v already", took)
	}
	if n := strings.Count(list, "unknown kind"); n != 3 {
		t.Errorf("%d of 3 dead letters say \"unknown kind\":\n%s", n, list)
	}
	w.flow(50)
	c.dead("replay", "--all")
	c.waitDead(3) // nobody knows the kinds now, either
	w.check("foreign kinds in the intake")
}

// partitions is how many a new broker gets.
const partitions = 8

// publishKind puts an entry of a kind into the intake, as an API node does with what it has accepted.
func (c cluster) publishKind(publish func(exchange, key string, msg amqp.Publishing), kind, room, text string) load.Send {
	c.t.Helper()
	send := load.Send{ID: uuid.NewString(), Room: room, ClientID: "service", Text: text, Begun: time.Now(), Attempts: 1}
	body, err := json.Marshal(map[string]any{
		"v": 1, "kind": kind, "id": send.ID, "room": room, "client_id": send.ClientID, "msg": text, "sent_at": time.Now().UTC(),
	})
	noError(c.t, err)
	key := strconv.Itoa(rabbitlink.Partition(room, partitions))
	publish("restante.intake", key, amqp.Publishing{ContentType: "application/json", MessageId: send.ID, Body: body})
	send.Accepted = time.Now()
	return send
}

// switches returns the features that are switched on in the store.
func (c cluster) switches() []string {
	c.t.Helper()
	rows, err := c.database().Query(within(c.t, limit), "SELECT feature FROM restante.switches ORDER BY feature")
	noError(c.t, err)
	defer rows.Close()
	var features []string
	for rows.Next() {
		var f string
		noError(c.t, rows.Scan(&f))
		features = append(features, f)
	}
	noError(c.t, rows.Err())
	return features
}
