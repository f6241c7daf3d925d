package forward

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"restante/internal/memory"
	"restante/internal/peer"
	"restante/internal/remote"
)

func TestForwarder_ForwardsTheRequestAsItIs(t *testing.T) {
	trusted := remote.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	r := newRig(t, func(f *Forwarder) http.Handler { return remote.Wrap(trusted, toNode("far")(f)) })
	got := make(chan *http.Request, 1)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		req.Header.Set("Test-Body", string(b))
		got <- req
		w.Header().Set("Test", "yes")
		w.WriteHeader(418)
		_, _ = io.WriteString(w, "short and stout")
	})
	resp, body := r.do("POST", "/a%2Fb?x=1;y&z=%zz", "hello", "Authorization", "Bearer t", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https")
	if resp.StatusCode != 418 || body != "short and stout" || resp.Header.Get("Test") != "yes" {
		t.Errorf("answer: %d %q %v", resp.StatusCode, body, resp.Header)
	}
	req := await(t, got)
	for name, want := range map[string]string{
		"Authorization": "Bearer t", Header: "near.s3cret", "Test-Body": "hello", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": r.near.Listener.Addr().String(), "X-Forwarded-For": "192.0.2.1, 192.0.2.1", "Accept-Encoding": "gzip",
	} {
		if req.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, req.Header.Get(name), want)
		}
	}
	if req.Host != r.near.Listener.Addr().String() || req.RequestURI != "/a%2Fb?x=1;y&z=%zz" || req.Method != "POST" {
		t.Errorf("%s %s of %s", req.Method, req.RequestURI, req.Host)
	}
	if r.counted(targetNode, answered) != 1 {
		t.Error("it was not counted")
	}
}

func TestForwarder_HeadersThatAreSetStay(t *testing.T) {
	r := newRig(t, func(f *Forwarder) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "https://a.example")
			w.Header().Set("X-Request-Id", "7")
			w.Header().Add("Vary", "Origin")
			f.ToNode("far").ServeHTTP(w, req)
		})
	})
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://b.example")
		w.Header().Set("X-Request-Id", req.Header.Get("X-Request-Id")+"7")
		w.Header().Add("Vary", "Origin")
		w.Header().Add("Vary", "Accept")
	})
	resp, _ := r.do("GET", "/", "")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "[https://a.example]", "X-Request-Id": "[7]", "Vary": "[Origin Accept]",
	} {
		if got := fmt.Sprint(resp.Header[name]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestForwarder_StreamsAreNotHeldBack(t *testing.T) {
	r := newRig(t, toNode("far"))
	next, over := make(chan string), make(chan struct{})
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		defer close(over)
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case line := <-next:
				_, _ = io.WriteString(w, line)
				_ = http.NewResponseController(w).Flush()
			case <-req.Context().Done():
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", r.near.URL, nil)
	resp, err := r.near.Client().Do(req) // returns before there is an event
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 3 {
		line := fmt.Sprintf("data: %d\n", i)
		next <- line
		if got, err := in.ReadString('\n'); got != line {
			t.Fatalf("got %q, %v, want %q", got, err, line)
		}
	}
	cancel()
	await(t, over) // a client that disconnects ends the request at the other node
}

func TestForwarder_ForwardsWebSockets(t *testing.T) {
	r := newRig(t, toHub)
	r.serve("far", echoUpgrade(t), peer.Hub)
	if err := r.upgrade().Close(); err != nil {
		t.Error(err)
	}
}

func TestForwarder_ARoleIsFoundAmongNodesThatAreAlive(t *testing.T) {
	r := newRig(t, toHub)
	r.peer("near", r.near.URL, peer.Hub) // never itself
	for i := range 5 {
		r.peer(fmt.Sprint("dead", i), dead, peer.Hub)
	}
	r.serve("api", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, peer.API)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		_, _ = w.Write(b)
	}, peer.Hub)
	for range 5 {
		body := strings.Repeat("x", 100_000)
		if resp, got := r.do("POST", "/", body); resp.StatusCode != 200 || got != body {
			t.Errorf("%d %.50q", resp.StatusCode, got)
		}
	}
}

// A node that stops is asked only when there is no other: it may refuse messages soon.
func TestForwarder_NodesThatStopAreTheLastChoice(t *testing.T) {
	r := newRig(t, toHub)
	answer := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }
	}
	stopping := httptest.NewServer(answer("stopping"))
	t.Cleanup(stopping.Close)
	r.table.Heard(peer.Node{ID: "stopping", URL: stopping.URL, Roles: []peer.Role{peer.Hub}, Failing: []string{"accepting"}}, time.Now())
	if _, got := r.do("GET", "/", ""); got != "stopping" {
		t.Errorf("the only node was not asked: %q", got)
	}
	r.serve("staying", answer("staying"), peer.Hub)
	for range 20 {
		if _, got := r.do("GET", "/", ""); got != "staying" {
			t.Fatalf("answered by %q", got)
		}
	}
}

func TestForwarder_NoNodeHasTheRole(t *testing.T) {
	r := newRig(t, toHub)
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	r.peer("dead", dead, peer.Hub)
	resp, body = r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	if n := r.counted("hub", unavailable); n != 2 {
		t.Errorf("%v were counted, want 2", n)
	}
}

func TestForwarder_BeyondTheMemory(t *testing.T) {
	r := newRig(t, toHub)
	r.peer("far", r.near.URL, peer.Hub)
	rest := r.budget.Hold(memory.Body, "")
	if err := rest.Grow(r.budget.Limit() - priceOfRequest + 1); err != nil {
		t.Fatal(err)
	}
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	if resp.Header.Get("Retry-After") != "1" || !strings.Contains(body, "no memory") || r.counted("hub", refused) != 1 {
		t.Errorf("%v %s", resp.Header, body)
	}
	rest.Release()
}

func TestForwarder_UnknownNodes(t *testing.T) {
	r := newRig(t, toNode("dead"))
	r.peer("near", r.near.URL, peer.Hub)
	if r.f.ToNode("unheard") != nil || r.f.ToNode("near") != nil {
		t.Error("there is a handler for a node that is unknown, or for this one")
	}
	r.peer("dead", dead, peer.Hub) // counts as alive, but nothing listens
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 404, "not_found")
	if r.counted(targetNode, ended) != 1 {
		t.Error("it was not counted")
	}
}

func TestForwarder_NodeOutOfReach(t *testing.T) {
	r := newRig(t, toNode("far"))
	const nowhere = "http://restante.invalid:1" // cannot be resolved, like the name of a container that was removed
	r.peer("far", nowhere, peer.Hub)
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
	r.table.Heard(peer.Node{ID: "far", URL: nowhere, Roles: []peer.Role{peer.Hub}}, time.Now().Add(-time.Minute))
	resp, body = r.do("GET", "/", "")
	wantProblem(t, resp, body, 404, "not_found") // and it has sent no heartbeat lately
}

func TestForwarder_NodeDiesBeforeItAnswers(t *testing.T) {
	r := newRig(t, toNode("far"))
	asked := make(chan string, 10)
	die := false
	r.serve("far", func(_ http.ResponseWriter, req *http.Request) {
		asked <- req.Method
		if die {
			panic(http.ErrAbortHandler)
		}
	})
	r.do("GET", "/", "") // the connection is used again
	die = true
	for _, method := range []string{"GET", "POST", "DELETE"} {
		resp, body := r.do(method, "/", "")
		wantProblem(t, resp, body, 503, "unavailable")
	}
	if len(asked) != 4 {
		t.Errorf("the node was asked %d times, want 4: an answer may be lost, but a second one must not take its place", len(asked))
	}
}

func TestForwarder_ForwardsOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		to     func(*Forwarder) http.Handler
		status int
		code   string
	}{
		"node": {toNode("far"), 404, "not_found"}, // a new process at the old one's address: the client connects anew
		"role": {toHub, 503, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newRig(t, tc.to), newRig(t, tc.to)
			a.peer("far", b.near.URL, peer.Hub)
			b.peer("far", a.near.URL, peer.Hub)
			resp, body := a.do("GET", "/", "")
			wantProblem(t, resp, body, tc.status, tc.code)
			if a.asked.Load() != 1 || b.asked.Load() != 1 {
				t.Errorf("the nodes were asked %d and %d times, want once each", a.asked.Load(), b.asked.Load())
			}
		})
	}
}

func TestForwarder_DrainEndsWhatIsInProgress(t *testing.T) {
	r := newRig(t, toHub)
	asked := make(chan struct{}, 1)
	far := echoUpgrade(t)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "" {
			far(w, req)
			return
		}
		asked <- struct{}{}
		<-req.Context().Done()
	}, peer.Hub)
	conn := r.upgrade()
	polled := make(chan int, 1)
	go func() {
		resp, err := r.near.Client().Get(r.near.URL)
		if err != nil {
			polled <- 0
			return
		}
		_ = resp.Body.Close()
		polled <- resp.StatusCode
	}()
	await(t, asked)
	if n := r.f.inProgress(); n != 2 {
		t.Errorf("%v in progress, want 2", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.f.Drain(ctx); err != nil {
		t.Error(err)
	}
	if status := await(t, polled); status != 503 {
		t.Errorf("the poll ended with %d, want 503", status)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the WebSocket is still open")
	}
	resp, body := r.do("GET", "/", "")
	wantProblem(t, resp, body, 503, "unavailable")
}
