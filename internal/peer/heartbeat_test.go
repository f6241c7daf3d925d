package peer_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/peer"
)

func TestHeartbeat_ComesBackAsItWas(t *testing.T) {
	want := peer.Heartbeat{Leaving: true, Node: peer.Node{
		ID: "a", URL: "http://a", Roles: peer.Roles(), Knows: chat.Features(), Release: "v1", Declines: []int{3, 7}, Secret: "s",
	}}
	body, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := peer.DecodeHeartbeat(body); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	const plain = `{"id":"a","url":"http://a","roles":["hub"]}`
	if body, err := (peer.Heartbeat{Node: peer.Node{ID: "a", URL: "http://a", Roles: []peer.Role{peer.Hub}}}).Encode(); err != nil || string(body) != plain {
		t.Errorf("%s, %v", body, err)
	}
}

func TestDecodeHeartbeat_RefusesOthers(t *testing.T) {
	for _, body := range []string{"", "{", "[]", `{"id":7}`, `{"url":"x"}`, `{"id":"` + strings.Repeat("x", peer.MaxHeartbeat) + `"}`} {
		if h, err := peer.DecodeHeartbeat([]byte(body)); err == nil {
			t.Errorf("%.20s is read as %+v", body, h)
		}
	}
}

func TestTable_HearTellsANewcomer(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	hub := func(id string) peer.Heartbeat { return peer.Heartbeat{Node: node(id, peer.Hub)} }
	for i, tc := range []struct {
		h        peer.Heartbeat
		newcomer bool
	}{
		{hub("self"), false}, {hub("a"), true}, {hub("a"), false},
		{peer.Heartbeat{Node: peer.Node{ID: "a"}, Leaving: true}, false}, {hub("a"), true},
	} {
		if got := table.Hear(tc.h, noon); got != tc.newcomer {
			t.Errorf("step %d: a newcomer %v, want %v", i, got, tc.newcomer)
		}
	}
}

func TestTable_RemembersWhatNodesKnew(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	newer := peer.Node{ID: "a", Knows: append(chat.BaseFeatures(), "kind:edit")}
	if table.EverKnown("kind:edit") || !table.EverKnown(chat.FeatureMessages) {
		t.Error("before any heartbeat it must know its own features, and no others")
	}
	table.Heard(newer, noon)
	table.Left("a")
	table.Heard(node("b"), noon.Add(time.Hour))
	if !table.EverKnown("kind:edit") || table.EverKnown("kind:like") {
		t.Error("it must remember what a node knew that has left")
	}
}

func FuzzDecodeHeartbeat(f *testing.F) {
	f.Add([]byte(`{"id":"a","roles":["hub"],"knows":["kind:message"],"declines":[1]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := peer.DecodeHeartbeat(body)
		if err != nil {
			return
		}
		again, err := h.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := peer.DecodeHeartbeat(again); len(again) <= peer.MaxHeartbeat && (err != nil || got.ID != h.ID) {
			t.Errorf("%s became %s (%v)", body, again, err)
		}
	})
}
