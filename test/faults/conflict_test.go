package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/chat"
	"restante/internal/load"
	"restante/internal/testkit"
)

// poster posts messages over connections that it keeps.
type poster struct {
	t      *testing.T
	url    string
	client *http.Client
	shown  bool // a 202 shows the text: one machine has stored it then
}

func newPoster(t *testing.T, url string) *poster {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return &poster{t: t, url: url, client: &http.Client{Transport: transport, Timeout: limit}}
}

// post returns the status of the answer, which must not show a text that may not be kept.
func (p *poster) post(room, sender, id, text string) int {
	body, err := json.Marshal(map[string]string{"client_id": sender, "id": id, "msg": text})
	if err != nil {
		p.t.Error(err)
		return 0
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/rooms/"+room+"/messages", bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Error(err)
		return 0
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if shows := bytes.Contains(answer, []byte(text)); err != nil || shows != (p.shown && resp.StatusCode == http.StatusAccepted) {
		p.t.Errorf("the answer %d shows the text: %v, or is cut: %s, %v", resp.StatusCode, shows, answer, err)
	}
	if resp.StatusCode == http.StatusConflict && (resp.Header.Get("Retry-After") != "" || !bytes.Contains(answer, []byte(`"code":"conflict"`))) {
		p.t.Errorf("a conflict is answered %v %s", resp.Header, answer)
	}
	return resp.StatusCode
}

// attempt is one post of a race, and its answer.
type attempt struct {
	room, sender, id, text string
	status                 int
}

// race posts under n ids: two senders post under each at once, and under every 150th the first one posts two texts.
func race(p *poster, n int) []attempt {
	const rooms, workers = 8, 32
	results := make([][]attempt, workers)
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() {
			for i := w; i < n; i += workers {
				room, id := fmt.Sprint("race-", i%rooms), uuid.NewString()
				group := []attempt{{room, "ann", id, fmt.Sprint("text of ann ", i), 0}, {room, "bob", id, fmt.Sprint("text of bob ", i), 0}}
				if i%150 == 0 {
					group = append(group, attempt{room, "ann", id, fmt.Sprint("another text of ann ", i), 0})
				}
				var posts sync.WaitGroup
				for k := range group {
					posts.Go(func() { group[k].status = p.post(group[k].room, group[k].sender, group[k].id, group[k].text) })
				}
				posts.Wait()
				results[w] = append(results[w], group...)
			}
		})
	}
	running.Wait()
	return slices.Concat(results...)
}

// Two senders race for 10,000 ids, on both shapes. Both messages are stored, each once and with its own text. Where a sender races
// with itself for an id, one of its texts is stored. The other one is answered 409 on one machine, and a dead letter on many.
func TestConflict_RacesForIDs(t *testing.T) {
	const n, doubled = 10_000, 67
	t.Run(embedded, func(t *testing.T) {
		s := testkit.Start(t, testkit.Options{})
		p := newPoster(t, s.URL())
		p.shown = true
		checkRace(t, s, race(p, n), doubled, http.StatusConflict)
	})
	t.Run("cluster", func(t *testing.T) {
		c := newCluster(t)
		s := c.node(allRoles)
		lost := checkRace(t, s, race(newPoster(t, s.URL()), n), doubled, http.StatusAccepted)
		list := c.waitDead(doubled)
		for _, a := range lost {
			if !strings.Contains(list, a.id) {
				t.Errorf("no dead letter has the id %s", a.id)
			}
		}
		if named := strings.Count(list, `"reason":"conflict: `); named != doubled {
			t.Errorf("%d of %d letters have the reason conflict:\n%s", named, doubled, list)
		}
	})
}

// checkRace compares what was answered with what is stored, and returns the attempts whose text is not stored, of which there must
// be as many as expected, with that status.
func checkRace(t *testing.T, s *testkit.Server, attempts []attempt, expected, status int) (lost []attempt) {
	t.Helper()
	eventually(t, "everything is stored", func() bool { // every attempt is stored or a conflict, once
		stored, conflicts := metric(t, s, "restante_stored_total"), metric(t, s, "restante_conflicts_total")
		return int(stored+conflicts) >= len(attempts)
	})
	type key struct{ room, sender, id string }
	stored := map[key][]string{}
	total := 0
	for i := range 8 {
		log := s.ReadRoom(fmt.Sprint("race-", i))
		for k := range log {
			m := &log[k]
			if m.Seq != int64(k)+1 {
				t.Fatalf("room %s: position %d has number %d", m.Room, k+1, m.Seq)
			}
			at := key{m.Room, m.ClientID, m.ID}
			stored[at] = append(stored[at], m.Msg)
		}
		total += len(log)
	}
	for _, a := range attempts {
		texts := stored[key{a.room, a.sender, a.id}]
		switch kept := slices.Contains(texts, a.text); {
		case len(texts) != 1:
			t.Errorf("%s has %q under the id %s", a.sender, texts, a.id)
		case kept && a.status != http.StatusAccepted, !kept && a.status != status:
			t.Errorf("%q of %s is answered %d, stored: %v", a.text, a.sender, a.status, kept)
		case !kept:
			lost = append(lost, a)
		}
	}
	if len(lost) != expected || total != len(attempts)-expected {
		t.Errorf("%d texts are not stored, want %d; %d messages are stored of %d attempts", len(lost), expected, total, len(attempts))
	}
	if n := metric(t, s, "restante_conflicts_total"); int(n) != expected {
		t.Errorf("%v conflicts are counted, want %d", n, expected)
	}
	return lost
}

// A consumer dies between its commit and its acknowledgement. What it has stored is delivered again and is a repeat, never a
// conflict: only other texts become dead letters, each one once.
func TestConflict_NotByARedeliveryAfterAKill(t *testing.T) {
	c := newCluster(t)
	edge := c.node("api,hub")
	first := c.startMortal(afterCommit)
	p := newPoster(t, edge.URL())
	send := func(n int, text string) {
		t.Helper()
		id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n)).String()
		if status := p.post("killed", "ann", id, text); status != http.StatusAccepted {
			t.Fatalf("status %d", status)
		}
	}
	const n, conflicts = 50, 5
	send(0, "the first text 0")
	noError(t, load.WaitSeq(within(t, limit), edge.URL(), "killed", 1))
	first.dieNext()
	for i := 1; i < n; i++ {
		send(i, fmt.Sprint("the first text ", i))
		if i%(n/conflicts) == 1 {
			send(i, fmt.Sprint("another text ", i))
		}
	}
	first.wait()
	other := c.node(consumer)
	send(n, "the end")
	noError(t, load.WaitSeq(within(t, limit), edge.URL(), "killed", n+1))
	log := edge.ReadRoom("killed")
	for i, m := range log[:min(n, len(log))] {
		if m.Msg != fmt.Sprint("the first text ", i) {
			t.Errorf("number %d is %q", m.Seq, m.Msg)
		}
	}
	if repeats := metric(t, other, "restante_duplicates_total"); len(log) != n+1 || repeats == 0 {
		t.Errorf("%d messages are stored, want %d, with %v repeats: without one the kill came at the wrong time", len(log), n+1, repeats)
	}
	list := c.waitDead(conflicts)
	if named := strings.Count(list, `"reason":"conflict: `); named != conflicts {
		t.Errorf("%d of %d letters are conflicts:\n%s", named, conflicts, list)
	}
}

// A client posts under the ids of events before the events come, which it can compute. The events of the service arrive all the
// same, each with its own text, and every announced event has an id of its own.
func TestConflict_IDsOfEventsCannotBeTaken(t *testing.T) {
	c := newCluster(t)
	node := c.node(allRoles)
	heard := c.announcements("room.squat")
	p := newPoster(t, node.URL())
	derived := uuid.NewSHA1(uuid.MustParse("a8370f8a-a47d-4503-8199-0ce4a2f8b102"), []byte("/billing invoice-1043")).String()
	named, property := uuid.NewString(), uuid.NewString()
	ids := []string{derived, named, property}
	for _, id := range ids {
		if status := p.post("squat", "bob", id, "nothing to see"); status != http.StatusAccepted {
			t.Fatalf("status %d", status)
		}
	}
	noError(t, load.WaitSeq(within(t, limit), node.URL(), "squat", 3))
	publish := c.publisher()
	event := func(id string) amqp.Table {
		return amqp.Table{"cloudEvents:specversion": "1.0", "cloudEvents:type": "invoice", "cloudEvents:source": "/billing", "cloudEvents:id": id}
	}
	for range 2 { // the second time they are repeats
		publish("restante.inbox", "squat", amqp.Publishing{ContentType: "application/json", Headers: event("invoice-1043"), Body: []byte(`{"client_id":"billing","msg":"invoice 0"}`)})
		publish("restante.inbox", "squat", amqp.Publishing{ContentType: "application/json", Headers: event(named), Body: []byte(`{"client_id":"billing","msg":"invoice 1"}`)})
		publish("restante.inbox", "squat", amqp.Publishing{ContentType: "application/json", MessageId: property, Body: []byte(`{"client_id":"billing","msg":"invoice 2"}`)})
	}
	noError(t, load.WaitSeq(within(t, limit), node.URL(), "squat", 6))
	log := node.ReadRoom("squat")
	for i, m := range log {
		want := chat.Message{ClientID: "bob", Msg: "nothing to see", ID: ids[i%3]}
		if i >= 3 {
			want.ClientID, want.Msg = "billing", fmt.Sprint("invoice ", i-3)
		}
		if m.ClientID != want.ClientID || m.Msg != want.Msg || m.ID != want.ID {
			t.Errorf("number %d is %+v, want %+v", m.Seq, m, want)
		}
	}
	seen := map[string]string{} // the text of the event that was announced under an id
	for announced := 0; announced < len(log)+3; announced++ {
		var d amqp.Delivery
		select {
		case d = <-heard:
		case <-within(t, limit).Done():
			t.Fatalf("%d announcements came, want %d", announced, len(log)+3)
		}
		var m chat.Message
		noError(t, json.Unmarshal(d.Body, &m))
		want := m.ID
		if m.ClientID == "billing" {
			want = fmt.Sprintf("%s.%d", m.ID, m.Seq)
		}
		if d.MessageId != want || d.Headers["cloudEvents:id"] != want || seen[want] != "" && seen[want] != m.Msg+m.ClientID {
			t.Errorf("%q of %s is announced as %s, %v, want %s", m.Msg, m.ClientID, d.MessageId, d.Headers["cloudEvents:id"], want)
		}
		seen[want] = m.Msg + m.ClientID
	}
	if len(seen) != len(log) {
		t.Errorf("%d events are announced for %d messages: %v", len(seen), len(log), seen)
	}
	if list := c.dead("list", "--json"); list != "" {
		t.Errorf("there are dead letters:\n%s", list)
	}
}

// announcements returns what is announced under a routing key from now on.
func (c cluster) announcements(key string) <-chan amqp.Delivery {
	c.t.Helper()
	conn, err := amqp.DialConfig(c.Broker[0], amqp.Config{Heartbeat: 10 * time.Second})
	noError(c.t, err)
	c.t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	noError(c.t, err)
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	noError(c.t, err)
	noError(c.t, channel.QueueBind(queue.Name, key, "restante.messages", false, nil))
	deliveries, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	noError(c.t, err)
	return deliveries
}
