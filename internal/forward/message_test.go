package forward

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"restante/internal/memory"
	"restante/internal/peer"
)

const anID = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"

// TestForwarder_AnUnknownOutcomeNamesTheID: the other node has read the message, and its answer does not come.
func TestForwarder_AnUnknownOutcomeNamesTheID(t *testing.T) {
	form, text := "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	for name, tc := range map[string]struct{ path, contentType, body, want string }{
		"in the query":                {"/message?msg=x&id=" + anID, "", "", anID},
		"in a body":                   {"/message", text, `{"msg":"x","id":"` + strings.ToUpper(anID) + `"}`, anID},
		"in a body behind a mark":     {"/rooms/ops/messages", "", "\xef\xbb\xbf" + `{"id":"` + anID + `","msg":"x"}`, anID},
		"in a form":                   {"/message", form, "msg=x&id=" + anID, anID},
		"in a body that is no form":   {"/message", form, `{"id":"` + anID + `"}`, anID},
		"not named":                   {"/rooms/ops/messages", text, `{"msg":"x"}`, "proposed"},
		"not named, no body":          {"/message?msg=x", "", "", "proposed"},
		"not a UUID":                  {"/message?id=7", "", "", "proposed"},
		"a body that cannot be read":  {"/message", text, `{"id":`, "proposed"},
		"not of the newest release":   {"/message?msg=x", "", "", ""},
		"named, not of this release":  {"/message?id=" + anID, "", "", anID},
		"named beside a nested value": {"/message", text, `{"x":{"id":"7"},"id":"` + anID + `"}`, anID},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(f *Forwarder) http.Handler { return f.ToRole(peer.API) })
			proposed := make(chan string, 1)
			far := r.serve("far", func(_ http.ResponseWriter, req *http.Request) {
				proposed <- req.Header.Get(idHeader)
				panic(http.ErrAbortHandler)
			}, peer.API)
			if strings.Contains(name, "release") {
				r.table.Heard(peer.Node{ID: "far", URL: far.URL, Roles: []peer.Role{peer.API}, Release: "9.9"}, time.Now())
			}
			resp, body := r.do("POST", tc.path, tc.body, "Content-Type", tc.contentType)
			wantProblem(t, resp, body, 503, "unavailable")
			want := tc.want
			if id := await(t, proposed); want == "proposed" {
				want = id
			}
			var p struct{ ID, Detail string }
			if err := json.Unmarshal([]byte(body), &p); err != nil {
				t.Fatal(err)
			}
			if p.ID != want || !strings.Contains(p.Detail, "it is not known whether the message was accepted") || !strings.Contains(p.Detail, want) ||
				want == "" && !strings.Contains(p.Detail, "look whether it is there") {
				t.Errorf("id %q, want %q: %s", p.ID, want, p.Detail)
			}
		})
	}
}

// TestForwarder_SaysWhatMayHaveBeenDone: of requests that were sent to the other node, and of those that were not.
func TestForwarder_SaysWhatMayHaveBeenDone(t *testing.T) {
	for name, tc := range map[string]struct{ url, method, path, want string }{
		"a message, not sent": {dead, "POST", "/message?id=" + anID, "the message was not accepted: the node that can answer this cannot be reached; send it again with the same id, " + anID},
		"a hub's, not sent":   {dead, "POST", "/messageHub", "cannot be reached; try again"},
		"a hub's, sent":       {"", "POST", "/messageHub", "has not answered; it may have done what the request asks for"},
		"an end, sent":        {"", "DELETE", "/messageHub", "has not answered; it may have done what the request asks for"},
		"a read, sent":        {"", "GET", "/rooms", "has not answered; try again"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, toHub)
			far := r.serve("far", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, peer.Hub)
			if tc.url == "" {
				tc.url = far.URL
			}
			r.peer("far", tc.url, peer.Hub)
			resp, body := r.do(tc.method, tc.path, "")
			wantProblem(t, resp, body, 503, "unavailable")
			if !strings.Contains(body, tc.want) {
				t.Errorf("%s, want %q", body, tc.want)
			}
		})
	}
}

// TestForwarder_DrainLeavesAnOutcomeOpen: a message that is being forwarded when this node stops.
func TestForwarder_DrainLeavesAnOutcomeOpen(t *testing.T) {
	r := newRig(t, func(f *Forwarder) http.Handler { return f.ToRole(peer.API) })
	asked := make(chan struct{})
	r.serve("far", func(_ http.ResponseWriter, req *http.Request) {
		close(asked)
		<-req.Context().Done()
	}, peer.API)
	type answer struct {
		status int
		body   string
	}
	got := make(chan answer, 1)
	go func() {
		resp, body := r.do("POST", "/message?id="+anID, "")
		got <- answer{resp.StatusCode, body}
	}()
	await(t, asked)
	if err := r.f.Drain(context.Background()); err != nil {
		t.Error(err)
	}
	if a := await(t, got); a.status != 503 || !strings.Contains(a.body, "it is not known") || !strings.Contains(a.body, `"id":"`+anID+`"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	resp, body := r.do("POST", "/message?id="+anID, "") // refused at once: it was not sent
	if resp.StatusCode != 503 || !strings.Contains(body, "the message was not accepted") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestForwarder_APollWhoseClientHasEndedIsEmpty as on the node that has the connection.
func TestForwarder_APollWhoseClientHasEndedIsEmpty(t *testing.T) {
	r := newRig(t, toNode("far"))
	r.serve("far", func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	conn, err := net.Dial("tcp", r.near.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	status, answer := halfClose(t, conn, "GET /messageHub?id=far.x HTTP/1.1\r\nHost: x\r\n\r\n")
	if status != 200 || answer != "" {
		t.Errorf("%d %q", status, answer)
	}
}

// TestFromPeer_TakesAnIDFromNodesOnly: of anyone else the header is removed.
func TestFromPeer_TakesAnIDFromNodesOnly(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "here"})
	table.Heard(peer.Node{ID: "far", Secret: "s"}, time.Now())
	for said, want := range map[string]string{"": "", "far.wrong": "", "far.s": anID} {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "/message", nil)
		r.Header.Set(idHeader, anID)
		if said != "" {
			r.Header.Set(Header, said)
		}
		FromPeer(table)(r)
		got := "not called"
		KeepID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = ProposedID(r.Context()) })).ServeHTTP(nil, r)
		if got != want {
			t.Errorf("%q says who it is: id %q, want %q", said, got, want)
		}
	}
}

// TestForwarder_AMessageDoesNotWaitForANodeThatHangs as long as other requests may.
func TestForwarder_AMessageDoesNotWaitForANodeThatHangs(t *testing.T) {
	for name, body := range map[string]string{"without a body": "", "with a body": `{"msg":"x"}`} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(f *Forwarder) http.Handler { return f.ToRole(peer.API) })
			r.f.sendTimeout = 50 * time.Millisecond
			r.serve("far", func(_ http.ResponseWriter, req *http.Request) {
				_, _ = io.ReadAll(req.Body)
				<-req.Context().Done()
			}, peer.API)
			resp, answer := r.do("POST", "/message?id="+anID, body)
			wantProblem(t, resp, answer, 503, "unavailable")
			if !strings.Contains(answer, "it is not known whether the message was accepted") || !strings.Contains(answer, anID) {
				t.Error(answer)
			}
			if n := r.counted(target(peer.API), unavailable); n != 1 {
				t.Errorf("%v were counted, want 1", n)
			}
		})
	}
}

// What is kept of a body is held, and a message whose body has no memory is refused: it has not been accepted.
func TestForwarder_RefusesABodyWithoutMemory(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 256 << 10})
	r := newRig(t, func(f *Forwarder) http.Handler {
		f.holdBody = func(context.Context) *memory.Holding { return budget.Hold(memory.Body, "ann") }
		return f.ToRole(peer.API)
	})
	held := make(chan int, 1)
	r.serve("far", func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		held <- budget.Used()
		w.WriteHeader(http.StatusAccepted)
	}, peer.API)
	if resp, _ := r.do("POST", "/message", strings.Repeat("x", 16<<10)); resp.StatusCode != http.StatusAccepted {
		t.Errorf("a body with memory: %s", resp.Status)
	}
	if got := await(t, held); got < 16<<10 {
		t.Errorf("%d bytes are held", got)
	}
	resp, body := r.do("POST", "/message", strings.Repeat("x", 200<<10))
	wantProblem(t, resp, body, 503, "unavailable")
	if !resp.Close || strings.Contains(body, "not known") || !strings.Contains(body, "not accepted") {
		t.Errorf("close %v: %s", resp.Close, body)
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are held at the end", budget.Used())
	}
}
