package forward

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/peer"
)

// questionTo returns a request whose question is asked.
func questionTo(ctx context.Context, target string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, "POST", target, nil)
	r.Header.Set("Authorization", "Bearer t")
	r.Header.Set("Cookie", "secret")
	r.Header.Set(Header, "guess")
	r.Header.Set(questionHeader, "guess")
	return r
}

func TestAsk_SendsTheProofAndTheToken(t *testing.T) {
	r := newRig(t, toHub)
	got := make(chan *http.Request, 1)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		got <- req
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("answer"))
	})
	status, body, err := r.f.Ask(questionTo(t.Context(), "http://chat.example/hub/whereis?id=x"), "far")
	if status != http.StatusTeapot || string(body) != "answer" || err != nil {
		t.Errorf("%d %q %v", status, body, err)
	}
	req := await(t, got)
	if req.Method != "POST" || req.URL.RequestURI() != "/hub/whereis?id=x" || req.Host != "chat.example" ||
		req.Header.Get(questionHeader) != "near.s3cret" || req.Header.Get(Header) != "" || req.Header.Get("Authorization") != "Bearer t" || req.Header.Get("Cookie") != "" {
		t.Errorf("the node got %s %s %s %v", req.Method, req.URL, req.Host, req.Header)
	}
	if n := r.counted(targetQuestion, answered); n != 1 {
		t.Errorf("%v questions are counted", n)
	}
}

func TestAsk_NodesThatHaveEndedHaveNothing(t *testing.T) {
	r := newRig(t, toHub)
	r.peer("dead", dead)
	r.peer("broken", "://")
	for _, node := range []string{"dead", "near", "unknown"} {
		status, _, err := r.f.Ask(questionTo(t.Context(), "/hub/whereis"), node)
		if status != http.StatusNotFound || err != nil {
			t.Errorf("%s: %d %v", node, status, err)
		}
	}
	if n := r.counted(targetQuestion, ended); n != 3 {
		t.Errorf("%v questions are counted", n)
	}
	if _, _, err := r.f.Ask(questionTo(t.Context(), "/hub/whereis"), "broken"); err == nil {
		t.Error("a node without an address has answered")
	}
	if n := r.counted(targetQuestion, unavailable); n != 1 {
		t.Errorf("%v questions are counted", n)
	}
}

func TestAsk_NodeThatHangs(t *testing.T) {
	r := newRig(t, toHub)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	r.peer("hangs", "http://"+listener.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if status, _, err := r.f.Ask(questionTo(ctx, "/hub/whereis"), "hangs"); err == nil {
		t.Errorf("answered %d", status)
	}
	if n := r.counted(targetQuestion, aborted); n != 1 {
		t.Errorf("%v questions are counted", n)
	}
}

func TestAsk_AnswersAreBounded(t *testing.T) {
	r := newRig(t, toHub)
	r.serve("far", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("x", maxAnswer+100)))
	})
	if _, body, err := r.f.Ask(questionTo(t.Context(), "/hub/whereis"), "far"); len(body) != maxAnswer || err != nil {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func TestAsk_NotAfterDrain(t *testing.T) {
	r := newRig(t, toHub)
	r.serve("far", func(http.ResponseWriter, *http.Request) {})
	if err := r.f.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.f.Ask(questionTo(t.Context(), "/hub/whereis"), "far"); err == nil {
		t.Error("asked while stopping")
	}
}

func TestOthers_AreLivingNodesWithTheRole(t *testing.T) {
	r := newRig(t, toHub)
	r.peer("near", dead, peer.Hub)
	r.peer("a", dead, peer.Hub, peer.API)
	r.peer("b", dead, peer.Hub)
	r.peer("c", dead, peer.API)
	r.table.Heard(peer.Node{ID: "silent", Roles: peer.Roles()}, time.Now().Add(-time.Hour))
	if got := r.f.Others(peer.Hub); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
}
