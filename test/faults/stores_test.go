package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// A second database is brought to a virtual host that belongs to another one: while both servers are reachable, by a node that
// starts, and by one whose PostgreSQL was away at its start. Neither takes a message. Then the broker is given to that database.
func TestStores_ASecondDatabaseTakesNoMessage(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.nodes(1, allRoles)[0]
	other := c
	other.Store = testkit.Database(t)
	err := other.TryStart(t, testkit.Options{})
	if err == nil || !strings.Contains(err.Error(), "the broker belongs to the store") || !strings.Contains(err.Error(), "restante broker store adopt") {
		t.Fatalf("a node with another database starts: %v", err)
	}
	late, proxy := other.viaStore()
	proxy.Refuse(true)
	second := late.nodes(1, allRoles)[0]
	rooms := "abcdefghijklmnop"
	say := func(want int) {
		t.Helper()
		for _, room := range rooms {
			if got := post(t, first, string(room)); got != want {
				t.Fatalf("answered %d, want %d", got, want)
			}
		}
	}
	say(http.StatusAccepted)
	proxy.Refuse(false)
	eventually(t, "the second node to be red", func() bool { return failing(t, second, "store") })
	say(http.StatusAccepted)
	for _, room := range rooms {
		first.WaitSeq(string(room), 2)
	}
	if got := post(t, second, "a"); got != http.StatusServiceUnavailable {
		t.Errorf("the second node answers %d, want 503", got)
	}
	if n := other.count("SELECT count(*) FROM restante.messages"); n != 0 {
		t.Errorf("%d messages are in the second database", n)
	}
	if code := first.Stop(limit); code != 0 {
		t.Errorf("the first node stops with the exit code %d", code)
	}
	out := testkit.Run(t, "", testkit.Binary(t), "broker", "store", "adopt", "--broker", strings.Join(c.Broker, ","), "--store", other.Store)
	if !strings.Contains(out, "which has begun the epoch") {
		t.Errorf("adopted: %s", out)
	}
	eventually(t, "the second node to be ready", func() bool { return second.Ready() == http.StatusOK && !failing(t, second, "store") })
	if got := post(t, second, "a"); got != http.StatusAccepted {
		t.Errorf("the second node answers %d, want 202", got)
	}
	second.WaitSeq("a", 1)
	if n := other.count("SELECT count(*) FROM restante.epochs"); n != 2 {
		t.Errorf("the second store has %d epochs, want 2", n)
	}
}

// Rows vanish from the database, and its mark is another one, while two nodes work with it. They notice it when their connections
// end. The epoch ends once, and both go on in the next one.
func TestStores_TwoNodesEndAnEpochOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	servers := []*testkit.Server{c.Start(t, testkit.Options{EpochsEnd: true}), c.Start(t, testkit.Options{EpochsEnd: true})}
	for range 5 {
		post(t, servers[0], "lobby")
	}
	for _, s := range servers {
		s.WaitSeq("lobby", 5)
	}
	c.sql(`WITH older AS (UPDATE restante.store SET mark = 'feed'), gone AS (DELETE FROM restante.messages WHERE seq > 3)
		UPDATE restante.rooms SET last_seq = 3 WHERE name = 'lobby'`)
	c.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	eventually(t, "both nodes to be in another epoch", func() bool {
		return metric(t, servers[0], "restante_epochs_ended_total") == 1 && metric(t, servers[1], "restante_epochs_ended_total") == 1
	})
	eventually(t, "a message to be accepted", func() bool { return post(t, servers[1], "lobby") == http.StatusAccepted })
	for _, s := range servers {
		s.WaitSeq("lobby", 4)
		eventually(t, "the node to be ready", func() bool { return s.Ready() == http.StatusOK && metric(t, s, "restante_store_held") == 0 })
	}
	if n := c.count("SELECT count(*) FROM restante.epochs"); n != 2 {
		t.Errorf("there are %d epochs, want 2", n)
	}
	if log := servers[0].Log() + servers[1].Log(); !strings.Contains(log, `"missing":"lobby 5"`) {
		t.Error("the log does not say what is missing")
	}
	third := c.nodes(1, allRoles)[0] // the mark is admitted: a new node goes on at once
	third.WaitSeq("lobby", 4)
	eventually(t, "the mark to be one of the record", func() bool {
		return c.count("SELECT count(*) FROM restante.store WHERE mark <> 'feed'") == 1
	})
}

// A node that is stopped in order renews the mark after its last message. The other one goes on with new connections.
func TestStores_ACleanStopRenewsTheMark(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	servers := c.nodes(2, allRoles)
	mark := func() string { return c.text("SELECT mark FROM restante.store") }
	eventually(t, "the mark of the start", func() bool { return mark() != "" && c.marks() == mark() })
	for i, s := range servers {
		before := mark()
		post(t, s, "lobby")
		s.WaitSeq("lobby", int64(i+1))
		if code := s.Stop(limit); code != 0 {
			t.Errorf("node %d stops with the exit code %d", i, code)
		}
		if after := mark(); after == before || c.marks() != after {
			t.Errorf("node %d has stopped, the store has the mark %s after %s, the record %s", i, after, before, c.marks())
		}
		if i == 0 {
			c.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			servers[1].WaitSeq("lobby", 1)
		}
	}
}

// marks returns the marks of the broker's record, separated by commas.
func (c cluster) marks() string {
	c.t.Helper()
	out := testkit.Run(c.t, "", testkit.Binary(c.t), "broker", "store", "--json", "--broker", strings.Join(c.Broker, ","))
	var record struct{ Marks []string }
	noError(c.t, json.Unmarshal([]byte(out), &record))
	return strings.Join(record.Marks, ",")
}

// text returns the text that a statement selects.
func (c cluster) text(sql string) (s string) {
	c.t.Helper()
	noError(c.t, c.database().QueryRow(within(c.t, limit), sql).Scan(&s))
	return s
}

// failing reports whether a check of readiness fails.
func failing(t *testing.T, s *testkit.Server, check string) bool {
	t.Helper()
	return metric(t, s, fmt.Sprintf("restante_check_up{check=%q}", check)) == 0
}

// count returns the number that a statement selects.
func (c cluster) count(sql string) (n int) {
	c.t.Helper()
	noError(c.t, c.database().QueryRow(within(c.t, limit), sql).Scan(&n))
	return n
}
