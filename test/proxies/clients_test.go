package proxies

import (
	"bytes"
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// client is a script of test/e2e/js that runs beside the test.
type client struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	done   chan error
}

func script(t *testing.T, args ...string) *client {
	t.Helper()
	c := &client{cmd: exec.CommandContext(t.Context(), testkit.Need(t, "node"), args...), done: make(chan error, 1)}
	c.cmd.Dir = "../e2e/js"
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	c.cmd.WaitDelay = 5 * time.Second
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.done <- c.cmd.Wait() }()
	return c
}

// TestProxies_EveryWireThroughACut: the official client over each transport, and an EventSource, read through the proxy what is
// posted through it. Their connections are cut twice; each gets every message once, in order. Where WebSockets do not pass, a client
// that may choose takes another transport.
func TestProxies_EveryWireThroughACut(t *testing.T) {
	slots := make(chan struct{}, 2) // the clients need processors
	eachProxy(t, func(t *testing.T, p proxy, server *testkit.Server, addr string) {
		slots <- struct{}{}
		defer func() { <-slots }()
		const room, senders, each = "wires", 2, 60
		total := strconv.Itoa(senders * each)
		cuts := testkit.StartProxy(t, addr)
		clients := []*client{
			script(t, "events.mjs", cuts.URL(), room, total, server.URL()),
			script(t, "reconnect.mjs", cuts.URL(), "any", "json", room, total),
			script(t, "reconnect.mjs", cuts.URL(), "sse", "json", room, total),
			script(t, "reconnect.mjs", cuts.URL(), "longpolling", "messagepack", room, total),
		}
		if p.websockets {
			clients = append(clients, script(t, "reconnect.mjs", cuts.URL(), "websockets", "messagepack", room, total))
		}
		work, err := load.StartSenders(t.Context(), load.SenderConfig{
			URL: cuts.URL(), Room: room, Senders: senders, Each: each, Every: 80 * time.Millisecond, Timeout: 5 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if err := work.WaitAccepted(t.Context(), int64((i+1)*senders*each/3)); err != nil {
				t.Fatal(err)
			}
			cuts.Cut()
		}
		work.Wait()
		for _, c := range clients {
			if err := <-c.done; err != nil {
				t.Errorf("%v: %v\n%s", c.cmd.Args, err, &c.output)
			}
		}
		server.Check(room, work.Stop(), nil)
	})
}

// TestProxies_WebPages: the node takes a page of the address in Host for its own. A proxy that does not pass that on needs
// --cors-origin.
func TestProxies_WebPages(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy, _ *testkit.Server, addr string) {
		client := &http.Client{}
		defer client.CloseIdleConnections()
		resp := request(t, client, "POST", "http://"+addr+"/messageHub/negotiate?negotiateVersion=1", "", "Origin", "http://"+addr)
		defer resp.Body.Close()
		if (resp.StatusCode == http.StatusOK) != p.host {
			t.Errorf("%s, and it passes the Host on: %v", resp.Status, p.host)
		}
	})
}

// TestProxies_ClientsThatEndTheirSide send messages through proxies that answer them.
func TestProxies_ClientsThatEndTheirSide(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy, server *testkit.Server, addr string) {
		const posts = 30
		for range posts {
			status, answer := testkit.HalfClosed(t, addr, "POST", "/rooms/half/messages", `{"msg":"x","client_id":"ann"}`, "Content-Type: application/json")
			if p.halfClosed && status != http.StatusAccepted {
				t.Errorf("%d %s", status, answer)
			}
		}
		if p.halfClosed {
			server.WaitSeq("half", posts)
		}
	})
}
