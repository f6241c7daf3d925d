package signalr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/memory"
)

func echoCall(id, text string) string {
	return fmt.Sprintf(`{"type":1,"invocationId":%q,"target":"Echo","arguments":[%q]}`, id, text) + "\x1e"
}

// Some clients send the handshake, and calls, before they open the transport that carries the answers.
func TestEarly_BytesWaitForTheFirstPoll(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("POST", suffix, jsonHandshake[:9]), 200, "")
	r.want(r.do("POST", suffix, jsonHandshake[9:]+echoCall("1", "a")), 200, "")
	r.want(r.do("POST", suffix, ""), 200, "")
	if n := testutil.ToFloat64(r.server.metrics.early); n == 0 {
		t.Error("the metric does not count what waits")
	}
	r.want(r.do("GET", suffix, ""), 200, "")
	r.nextConn()
	r.want(r.do("POST", suffix, echoCall("2", "b")), 200, "") // waits until what came early is handled
	const all = "{}\x1e" + `{"type":3,"invocationId":"1","result":"a"}` + "\x1e" + `{"type":3,"invocationId":"2","result":"b"}` + "\x1e"
	r.want(r.do("GET", suffix, ""), 200, all)
	if n := testutil.ToFloat64(r.server.metrics.early); n != 0 {
		t.Errorf("%v bytes still wait", n)
	}
}

func TestEarly_BytesWaitForTheStream(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("POST", suffix, jsonHandshake), 200, "")
	e := r.events(suffix)
	e.expect("{}")
	r.want(r.do("POST", suffix, voidCall), 200, "")
	e.expect(`{"type":3,"invocationId":"0"}`)
}

func TestEarly_BytesWaitForTheWebSocket(t *testing.T) {
	r := newRig(t, Config{})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("POST", suffix, jsonHandshake), 200, "")
	c := r.dial(suffix)
	c.expect(ws.OpText, "{}\x1e")
	c.send(voidCall)
	c.expectText(`{"type":3,"invocationId":"0"}`)
}

func TestEarly_BytesWaitOnTheNodeOfTheToken(t *testing.T) {
	c := newCluster(t, Config{}, "aa", "bb", "cc")
	suffix := "?id=" + c.nodes[0].negotiate()
	c.nodes[0].want(c.nodes[1].do("POST", suffix, jsonHandshake), 200, "")
	c.nodes[0].want(c.nodes[2].do("POST", suffix, voidCall), 200, "")
	c.nodes[0].want(c.nodes[1].do("GET", suffix, ""), 200, "")
	c.nodes[0].nextConn()
	c.nodes[0].want(c.nodes[2].do("POST", suffix, echoCall("1", "a")), 200, "") // waits until what came early is handled
	const all = "{}\x1e" + `{"type":3,"invocationId":"0"}` + "\x1e" + `{"type":3,"invocationId":"1","result":"a"}` + "\x1e"
	c.nodes[0].want(c.nodes[2].do("GET", suffix, ""), 200, all)
}

func TestEarly_IsBounded(t *testing.T) {
	r := newRig(t, Config{Memory: memory.New(memory.Config{Limit: 1 << 20})})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("POST", suffix, strings.Repeat("x", earlyBound+1)), http.StatusRequestEntityTooLarge, errEarlyTooLarge.Text)
	r.want(r.do("POST", suffix, strings.Repeat("x", earlyBound)), 200, "")
	r.want(r.do("POST", suffix, "x"), http.StatusRequestEntityTooLarge, errEarlyTooLarge.Text)
	last, kept := r.negotiate(), 1
	for ; ; kept++ {
		token := r.negotiate()
		if _, refused := r.server.registry.keep(t.Context(), r.server, token, Identity{}, make([]byte, earlyBound)); refused != nil {
			break
		}
	}
	if kept < 100 {
		t.Errorf("refused after the bytes of %d tokens", kept)
	}
	a := r.do("POST", "?id="+last, strings.Repeat("x", earlyBound))
	r.want(a, http.StatusServiceUnavailable, errNoMemory.Text)
	if a.header.Get("Retry-After") == "" {
		t.Error("the refusal does not say when to try again")
	}
	r.server.registry.take(r.server, suffix[len("?id="):], "")
	r.want(r.do("POST", "?id="+last, strings.Repeat("x", earlyBound)), 200, "")
}

func TestEarly_BytesEndWithTheToken(t *testing.T) {
	r := newRig(t, Config{IdleTimeout: 100 * time.Millisecond})
	suffix := "?id=" + r.negotiate()
	r.want(r.do("POST", suffix, jsonHandshake), 200, "")
	r.until(func() bool { return testutil.ToFloat64(r.server.metrics.early) == 0 })
	r.want(r.do("POST", suffix, jsonHandshake), 404, "No Connection with that ID")
}

// Only the client that has negotiated may leave bytes: others do not even learn that the token exists.
func TestEarly_BytesOfOthersAreRefused(t *testing.T) {
	r := newRig(t, Config{Identify: func(r *http.Request) (Identity, *Refusal) { return Identity{Name: r.Header.Get("Name")}, nil }})
	suffix := "?id=" + r.negotiate("Name", "ann")
	r.want(r.do("POST", suffix, jsonHandshake, "Name", "bob"), 404, "No Connection with that ID")
	r.want(r.do("POST", suffix, jsonHandshake, "Name", "ann"), 200, "")
}

// However requests and the opening of the transport interleave, every call is answered once.
func TestEarly_NothingIsLostWhileTheTransportOpens(t *testing.T) {
	r := newRig(t, Config{})
	for range 30 {
		suffix := "?id=" + r.negotiate()
		r.want(r.do("POST", suffix, jsonHandshake), 200, "")
		var senders sync.WaitGroup
		for i := range 4 {
			senders.Go(func() {
				if a := r.do("POST", suffix, echoCall(fmt.Sprint(i), "x")); a.status != 200 {
					t.Errorf("a call is answered %d %q", a.status, a.body)
				}
			})
		}
		senders.Go(func() { r.do("GET", suffix, "") })
		senders.Wait()
		r.nextConn()
		r.want(r.do("POST", suffix, echoCall("last", "x")), 200, "")
		answers := r.do("GET", suffix, "").body
		ids := map[string]bool{}
		for _, record := range bytes.Split([]byte(answers), []byte{recordSeparator}) {
			var m struct{ InvocationID string }
			if len(record) > 0 && json.Unmarshal(record, &m) == nil {
				ids[m.InvocationID] = true
			}
		}
		if !strings.HasPrefix(answers, "{}\x1e") || len(ids) != 6 { // four calls, the last one, and the handshake without an id
			t.Fatalf("answers: %q", answers)
		}
		r.want(r.do("DELETE", suffix, ""), 202, "")
	}
}
