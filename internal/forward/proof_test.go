package forward

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"restante/internal/peer"
)

func TestFromPeer_BelievesNodesThatKnowTheSecret(t *testing.T) {
	peers := peer.NewTable(peer.Node{ID: "self", Secret: "own"})
	peers.Heard(peer.Node{ID: "far", Secret: "s3cret"}, time.Now())
	peers.Heard(peer.Node{ID: "old"}, time.Now()) // of a version without secrets
	fromPeer, asks := FromPeer(peers), Asks(peers)
	for name, tc := range map[string]struct {
		said []string
		want bool
	}{
		"nothing":                {nil, false},
		"a node":                 {[]string{"far.s3cret"}, true},
		"a wrong secret":         {[]string{"far.s3cre"}, false},
		"a longer secret":        {[]string{"far.s3cret "}, false},
		"no secret":              {[]string{"far."}, false},
		"a name only":            {[]string{"far"}, false},
		"another node's secret":  {[]string{"old.s3cret"}, false},
		"a node without secret":  {[]string{"old."}, false},
		"a node that is unknown": {[]string{"new.s3cret"}, false},
		"no name and no secret":  {[]string{"."}, false},
		"a node and a client":    {[]string{"far.s3cret", "far.x"}, false},
		"a client and a node":    {[]string{"far.x", "far.s3cret"}, false},
		"the node that is asked": {[]string{"self.own"}, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header[http.CanonicalHeaderKey(Header)] = tc.said
		if got := fromPeer(r); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
		if left := r.Header.Get(Header); (left != "") != tc.want {
			t.Errorf("%s: left is %q", name, left)
		}
		if asks(r) {
			t.Errorf("%s: what a node has forwarded is taken for its question", name)
		}
		r.Header[http.CanonicalHeaderKey(questionHeader)] = tc.said
		if got := asks(r); got != tc.want {
			t.Errorf("%s: the question of a node: %v", name, got)
		}
	}
}

// A node forwards the question of a client without making it its own.
func TestForwarder_ForwardsNoProofOfAQuestion(t *testing.T) {
	r := newRig(t, toHub)
	got := make(chan *http.Request, 1)
	r.serve("far", func(_ http.ResponseWriter, req *http.Request) { got <- req }, peer.Hub)
	peers := peer.NewTable(peer.Node{ID: "far"})
	peers.Heard(r.table.Self(), time.Now())
	r.do("POST", "/messageHub/whereis", "", questionHeader, "guess")
	if req := await(t, got); !FromPeer(peers)(req) || Asks(peers)(req) {
		t.Errorf("forwarded with %v", req.Header)
	}
}

func TestForwarder_DoesNotTellASchemeThatItDoesNotKnow(t *testing.T) {
	r := newRig(t, toNode("far"))
	got := make(chan *http.Request, 1)
	r.serve("far", func(_ http.ResponseWriter, req *http.Request) { got <- req })
	r.do("GET", "/", "", "X-Forwarded-Proto", "https")
	if said := await(t, got).Header.Values("X-Forwarded-Proto"); len(said) > 0 {
		t.Errorf("X-Forwarded-Proto: %q", said)
	}
}
