package peer_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/peer"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func node(id string, roles ...peer.Role) peer.Node {
	return peer.Node{ID: id, URL: "http://" + id, Roles: roles}
}

func ids(nodes []peer.Node) (ids []string) {
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

func TestTable_AliveAreNodesHeardLately(t *testing.T) {
	table := peer.NewTable(node("self", peer.Consumer))
	if alive := table.Alive(peer.Consumer, noon); len(alive) != 0 {
		t.Errorf("a node that has heard no heartbeat, not even its own, takes %v for alive", ids(alive))
	}
	for _, id := range []string{"self", "c", "a"} {
		table.Heard(node(id, peer.Consumer), noon)
	}
	table.Heard(node("b", peer.API, peer.Hub), noon)
	if alive := ids(table.Alive(peer.Consumer, noon.Add(peer.Expiry))); !slices.Equal(alive, []string{"a", "c", "self"}) {
		t.Errorf("consumers: %v", alive)
	}
	table.Heard(node("c", peer.Consumer), noon.Add(time.Second))
	table.Left("a")
	if alive := ids(table.Alive(peer.Consumer, noon.Add(peer.Expiry+time.Millisecond))); !slices.Equal(alive, []string{"c"}) {
		t.Errorf("after one has fallen silent and one has left: %v", alive)
	}
}

func TestTable_FindsTheSilentForAWhile(t *testing.T) {
	table := peer.NewTable(node("self", peer.API))
	table.Heard(node("a", peer.Hub), noon)
	if n, ok := table.Find("a"); !ok || n.URL != "http://a" {
		t.Errorf("found %+v, %v", n, ok)
	}
	table.Heard(node("b", peer.Hub), noon.Add(9*time.Minute))
	if _, ok := table.Find("a"); !ok {
		t.Error("forgotten after nine minutes")
	}
	table.Heard(node("c", peer.Hub), noon.Add(11*time.Minute))
	if _, ok := table.Find("a"); ok {
		t.Error("not forgotten after eleven minutes")
	}
	table.Left("b")
	if _, ok := table.Find("b"); ok {
		t.Error("found although it has said that it leaves")
	}
}

func TestNewID_IsAnotherOneEachTime(t *testing.T) {
	a, b := peer.NewID(), peer.NewID()
	if a == b || len(a) != 16 {
		t.Errorf("%q, %q", a, b)
	}
}

func TestSecret_IsNeverShown(t *testing.T) {
	n := peer.Node{ID: "far", Secret: peer.NewSecret()}
	if len(n.Secret) < 26 || n.Secret == peer.NewSecret() {
		t.Errorf("a secret of %d characters", len(n.Secret))
	}
	var shown bytes.Buffer
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		_, _ = fmt.Fprintf(&shown, form+form, n, n.Secret)
	}
	for _, h := range []slog.Handler{slog.NewJSONHandler(&shown, nil), slog.NewTextHandler(&shown, nil)} {
		slog.New(h).Info("seen", slog.Any("node", n), slog.Any("secret", n.Secret))
	}
	if strings.Contains(shown.String(), string(n.Secret)) || !strings.Contains(shown.String(), `"node":"far"`) {
		t.Errorf("shown: %s", shown.String())
	}
}

func TestTable_SelfSaysWhatFails(t *testing.T) {
	table := peer.NewTable(node("self", peer.Hub))
	table.SetFailing([]string{"hearing"})
	if self := table.Self(); !slices.Equal(self.Failing, []string{"hearing"}) || self.ID != "self" {
		t.Errorf("%+v", self)
	}
	table.SetFailing(nil)
	if self := table.Self(); self.Failing != nil {
		t.Errorf("%+v", self)
	}
}
