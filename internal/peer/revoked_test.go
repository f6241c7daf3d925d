package peer_test

import (
	"testing"
	"time"

	"restante/internal/peer"
	"restante/internal/revocation"
)

func isSignalled(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestTable_TellsWhatIsRevoked(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	if table.TellRevoked(nil); isSignalled(table.Beat()) || table.Self().Revoked != nil {
		t.Error("nothing is told")
	}
	told := &revocation.Told{Digest: "1"}
	if table.TellRevoked(told); !isSignalled(table.Beat()) || table.Self().Revoked != told {
		t.Error("it waits for the next heartbeat")
	}
	if table.TellRevoked(&revocation.Told{Digest: "1"}); isSignalled(table.Beat()) {
		t.Error("the same is told at once, again")
	}

	hub := func(id, digest string) peer.Node {
		n := node(id, peer.Hub)
		if digest != "" {
			n.Revoked = &revocation.Told{Digest: digest}
		}
		return n
	}
	for i, tc := range []struct {
		heard peer.Node
		news  bool
	}{{hub("a", ""), false}, {hub("a", "2"), true}, {hub("a", "2"), false}, {hub("self", "3"), false}, {hub("b", "2"), true}, {hub("a", ""), true}} {
		if table.Heard(tc.heard, noon); isSignalled(table.HeardRevoked()) != tc.news {
			t.Errorf("step %d: news must be %v", i, tc.news)
		}
	}
	got := map[string]int{}
	for _, told := range table.OthersRevoked(noon.Add(time.Second)) {
		if told == nil {
			got["nothing"]++
		} else {
			got[told.Digest]++
		}
	}
	if len(got) != 2 || got["nothing"] != 1 || got["2"] != 1 {
		t.Errorf("the others tell %v", got)
	}
	if others := table.OthersRevoked(noon.Add(time.Minute)); len(others) != 0 {
		t.Errorf("%d silent nodes count", len(others))
	}
}

func TestHeartbeat_CarriesWhatIsRevoked(t *testing.T) {
	at := noon.UTC().Truncate(time.Second)
	h := peer.Heartbeat{Node: node("a", peer.Hub)}
	h.Revoked = &revocation.Told{Digest: "1", Recent: []revocation.Entry{{Key: revocation.Key{Kind: revocation.Sub, Name: "ann"}, Before: at, Until: at, At: at}}}
	body, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := peer.DecodeHeartbeat(body)
	if err != nil || got.Revoked == nil || got.Revoked.Digest != "1" || len(got.Revoked.Recent) != 1 || got.Revoked.Recent[0] != h.Revoked.Recent[0] {
		t.Errorf("%s became %+v, %v", body, got.Revoked, err)
	}
}
