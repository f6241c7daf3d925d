package e2e

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// wires are the combinations of transport and protocol. Server-sent events support text only.
func wires() []string {
	return []string{"websockets json", "websockets messagepack", "sse json", "longpolling json", "longpolling messagepack"}
}

func eachWire(t *testing.T, body func(t *testing.T, transport, protocol string)) {
	for _, wire := range wires() {
		t.Run(wire, func(t *testing.T) {
			transport, protocol, _ := strings.Cut(wire, " ")
			body(t, transport, protocol)
		})
	}
}

func TestHub_OfficialClientOverEveryWire(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		eachWire(t, func(t *testing.T, transport, protocol string) {
			t.Log(script(t, "hub.mjs", s.URL(), transport, protocol).wait())
		})
	})
}

func TestHub_OfficialClientIsToldOfResets(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		eachWire(t, func(t *testing.T, transport, protocol string) {
			script(t, "resets.mjs", s.URL(), transport, protocol).wait()
		})
	})
}

func TestHub_ClientThatKnowsNoRooms(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		eachWire(t, func(t *testing.T, transport, protocol string) {
			script(t, "minimal.mjs", s.URL(), transport, protocol).wait()
		})
	})
}

// underCuts runs a script that reads a room to its end through a proxy, while messages are sent and the proxy cuts its
// connections.
func underCuts(t *testing.T, rig testkit.Rig, run func(url, room string, total int, direct string) *running) {
	t.Helper()
	s := rig.Start(t, testkit.Options{})
	proxy := testkit.StartProxy(t, s.Addr())
	const room, senders, each = "cut", 4, 150
	r := run(proxy.URL(), room, senders*each, s.URL())
	work, err := load.StartSenders(t.Context(), load.SenderConfig{URL: s.URL(), Room: room, Senders: senders, Each: each, Every: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for cut := range 6 {
		<-tick.C
		switch cut % 3 {
		case 0:
			proxy.Cut()
		case 1:
			proxy.HalfClose(testkit.Down)
		case 2:
			proxy.Stall(testkit.Down)
			<-tick.C
			proxy.Cut()
			proxy.Resume(testkit.Down)
		}
	}
	work.Wait()
	output := strings.TrimSpace(r.wait())
	t.Log(output[strings.LastIndexByte(output, '\n')+1:])
	s.Check(room, work.Stop(), nil)
}

func TestHub_ReconnectAfterCutsLosesAndDoublesNothing(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		eachWire(t, func(t *testing.T, transport, protocol string) {
			t.Parallel()
			underCuts(t, rig, func(url, room string, total int, _ string) *running {
				return script(t, "reconnect.mjs", url, transport, protocol, room, strconv.Itoa(total))
			})
		})
	})
}

// The server restarts, as in an update, and then is killed: clients reconnect by themselves and miss nothing.
func TestHub_RestartOfTheServerLosesAndDoublesNothing(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		const room, senders, each = "restarts", 4, 150
		s := rig.Start(t, testkit.Options{Args: []string{"--drain", "2s"}})
		var clients []*running
		for _, wire := range wires() {
			transport, protocol, _ := strings.Cut(wire, " ")
			clients = append(clients, script(t, "reconnect.mjs", s.URL(), transport, protocol, room, strconv.Itoa(senders*each)))
		}
		clients = append(clients, script(t, "events.mjs", s.URL(), room, strconv.Itoa(senders*each), s.URL()))
		work, err := load.StartSenders(t.Context(), load.SenderConfig{URL: s.URL(), Room: room, Senders: senders, Each: each, Every: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		waitAccepted(t, work, senders*each/3)
		if code := s.Stop(5 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		s.Restart()
		waitAccepted(t, work, 2*senders*each/3)
		s.Kill()
		s.Restart()
		work.Wait()
		for _, client := range clients {
			output := strings.TrimSpace(client.wait())
			t.Log(output[strings.LastIndexByte(output, '\n')+1:])
		}
		s.Check(room, work.Stop(), nil)
	})
}

func waitAccepted(t *testing.T, work *load.Senders, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := work.WaitAccepted(ctx, n); err != nil {
		t.Fatal(err)
	}
}

func TestEvents_EventSourceComesBackWithLastEventID(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		underCuts(t, rig, func(url, room string, total int, direct string) *running {
			return script(t, "events.mjs", url, room, strconv.Itoa(total), direct)
		})
	})
}
