package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"restante/internal/load"
	"restante/internal/testkit"
)

// The database refuses one message. The other messages of its room are stored. The message is dead-lettered with the
// reason, and `restante dead replay` delivers it when the reason is fixed.
func TestPoison_IsDeadLetteredAndReplayed(t *testing.T) {
	c := newCluster(t)
	node := c.node(allRoles)
	w := startWork(t, workConfig{Post: node.URL(), Read: node.URL(), Rooms: 1})
	room := w.rooms[0]
	const text = testkit.Private + ", and not for the database"
	c.sql(`ALTER TABLE restante.texts ADD CONSTRAINT no_poison CHECK (msg <> '` + text + `'::bytea)`)
	poison := load.Send{ID: uuid.NewString(), Room: room.name, ClientID: "ann", Text: text, Begun: time.Now()}
	if !try(t, node, &poison) {
		t.Fatal("not accepted, although the broker cannot know that the database will refuse it")
	}
	w.flow(100)
	list := c.waitDead(1)
	if !strings.Contains(list, poison.ID) {
		t.Errorf("dead list does not name %s:\n%s", poison.ID, list)
	}
	if show := c.dead("show", poison.ID); !strings.Contains(show, "no_poison") {
		t.Errorf("dead show does not say why:\n%s", show)
	}
	c.sql(`ALTER TABLE restante.texts DROP CONSTRAINT no_poison`)
	poison.Begun, poison.Accepted = time.Now(), time.Time{} // its position in the order is that of the replay
	c.dead("replay", poison.ID)
	eventually(t, "the message is stored", func() bool {
		for _, m := range node.ReadRoom(room.name) {
			if m.ID == poison.ID {
				return true
			}
		}
		return false
	})
	room.more = append(room.more, poison)
	w.check("a message that the database refuses")
	c.waitDead(0)
}

// sql runs a statement on the database of the cluster.
func (c cluster) sql(statement string) {
	c.t.Helper()
	db := c.database()
	_, err := db.Exec(within(c.t, limit), statement)
	noError(c.t, err)
}

// database connects to the database of the cluster until the test ends.
func (c cluster) database() *pgx.Conn {
	c.t.Helper()
	db, err := pgx.Connect(within(c.t, limit), c.Store)
	noError(c.t, err)
	c.t.Cleanup(func() { _ = db.Close(context.WithoutCancel(c.t.Context())) })
	return db
}

// dead runs a command of `restante dead`.
func (c cluster) dead(command string, args ...string) string {
	c.t.Helper()
	return testkit.Run(c.t, "", testkit.Binary(c.t), append([]string{"dead", command, "--broker", strings.Join(c.Broker, ",")}, args...)...)
}

// waitDead waits until there are n dead letters, and returns the list of them.
func (c cluster) waitDead(n int) (list string) {
	c.t.Helper()
	return c.waitDeadWithin(n, limit)
}

// waitDeadWithin is waitDead with another limit.
func (c cluster) waitDeadWithin(n int, limit time.Duration) (list string) {
	c.t.Helper()
	ctx := within(c.t, limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if list = c.dead("list", "--json"); strings.Count(list, "\n") == n {
			return list
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.t.Fatalf("%d dead letters are expected within %v; the list:\n%s", n, limit, list)
		}
	}
}
