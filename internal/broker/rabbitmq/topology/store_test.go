package topology

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/peer"
)

// TestChangeStore_TheFirstOneCounts: of several nodes that bring a store to the broker at once, one names it, and all see that.
func TestChangeStore_TheFirstOneCounts(t *testing.T) {
	s := newSite(t)
	nodes := []*node{s.start(Config{Node: "one", Partitions: 1}), s.start(Config{Node: "two"}), s.start(Config{Node: "three"})}
	stores := make([]peer.StoreRecord, len(nodes))
	var naming sync.WaitGroup
	for i, n := range nodes {
		naming.Go(func() {
			var err error
			stores[i], err = n.ChangeStore(t.Context(), func(r peer.StoreRecord) peer.StoreRecord {
				if r.ID == "" {
					return peer.StoreRecord{ID: fmt.Sprint("store ", i), Marks: []string{""}}
				}
				return r
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	naming.Wait()
	for i := range stores {
		if stores[i].ID == "" || !stores[i].Equal(stores[0]) || nodes[i].now().Store.ID != stores[0].ID {
			t.Errorf("node %d has named %v, and knows %v", i, stores[i], nodes[i].now().Store)
		}
	}
	version := nodes[0].now().Version
	if _, err := nodes[0].ChangeStore(t.Context(), func(r peer.StoreRecord) peer.StoreRecord { return r }); err != nil || nodes[0].now().Version != version {
		t.Errorf("%v, version %d after %d although nothing has changed", err, nodes[0].now().Version, version)
	}
}

// TestChangeStore_ComesBackWithTheRecord: a node that knows a later mark than the broker writes it again.
func TestChangeStore_ComesBackWithTheRecord(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 1})
	want, err := n.ChangeStore(t.Context(), func(r peer.StoreRecord) peer.StoreRecord {
		r = peer.StoreRecord{ID: "a", Marks: []string{""}}
		return r.With("later", time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	s.do(func(ch *amqp.Channel) error {
		_, err := ch.QueuePurge(link.RecordQueue, false)
		return err
	})
	s.until(10*time.Second, says("the record to come back"), func() bool {
		n.Report("a test")
		r, err := ReadRecord(t.Context(), s.conn)
		return err == nil && r.Store.Equal(want) && r.Store.Has("later") && r.Store.Has("")
	})
}

func TestRecord_HasTheStore(t *testing.T) {
	const body = `{"version":7,"partitions":2,"made":true,"generations":{"1":{"number":2}},"store":{"id":"a","marks":["2","1"],"at":"2026-01-02T12:00:00Z"}}`
	r, err := parseRecord([]byte(body))
	if err != nil || r.Store.ID != "a" || !r.Store.Has("1") || !r.Store.Has("2") || r.Store.Has("") {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, err := json.Marshal(r); err != nil || string(got) != body {
		t.Errorf("\n got %s (%v)\nwant %s", got, err, body)
	}
	if got, err := json.Marshal(Record{Version: 1, Partitions: 2}); err != nil || string(got) != `{"version":1,"partitions":2,"made":false}` {
		t.Errorf("a record without a store is %s, %v", got, err)
	}
}
