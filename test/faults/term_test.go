package faults

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// SIGTERM while 64 senders send: the server completes what it has accepted, tells its clients to reconnect, and exits
// with 0 in time; no accepted message is lost.
func TestTerminate_LosesNothingAndTellsClientsToReconnect(t *testing.T) {
	const drain = 4 * time.Second
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{Args: []string{"--drain", drain.String()}})
		stayers := startReaders(t, 20, load.ReaderConfig{URL: s.URL(), Reconnect: true})
		leavers := startReaders(t, 50, load.ReaderConfig{URL: s.URL()})
		noError(t, errors.Join(stayers.WaitJoined(within(t, 20*time.Second)), leavers.WaitJoined(within(t, 20*time.Second))))
		senders := startSenders(t, load.SenderConfig{URL: s.URL()})
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), 2000))

		began := time.Now()
		code := s.Stop(drain + 5*time.Second)
		t.Logf("exit code %d after %v", code, time.Since(began))
		if took := time.Since(began); code != 0 || took > drain+500*time.Millisecond {
			t.Errorf("exit code %d after %v; want 0 within %v", code, took, drain)
		}
		left := leavers.Wait()
		for i := range left {
			left[i].Left = true
			if closed, ok := errors.AsType[*load.Closed](left[i].Err); !ok || !closed.AllowReconnect {
				t.Errorf("reader %d was ended by %v; want a Close with allowReconnect", i, left[i].Err)
				break
			}
		}
		s.Restart()
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+500))
		sends := senders.Stop()
		noError(t, stayers.WaitSeq(within(t, 30*time.Second), waitStored(t, s, "lobby", sends)))
		report := s.Check("lobby", sends, append(left, stayers.Stop()...))
		t.Logf("%s; answers %v", &report, senders.Answers())
	})
}

// Clients that do not read, that send incomplete requests, or that send nothing cannot delay a stop beyond the drain
// time.
func TestTerminate_StuckClientsCannotDelayIt(t *testing.T) {
	drain := 3 * time.Second
	if testkit.Race() {
		drain *= 3 // the server completes requests that have begun, and that takes longer with the race detector
	}
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{Args: []string{"--drain", drain.String()}})
		long := strings.Repeat("x", 30<<10)
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Senders: 10, Each: 30, Text: func(int, int) string { return long }})
		senders.Wait()
		sends := senders.Stop()
		var held sync.WaitGroup
		over := make(chan struct{})
		letGo := sync.OnceFunc(func() { close(over); held.Wait() })
		t.Cleanup(letGo)
		for _, hold := range []string{
			upgrade + text(jsonHello+"{\"type\":1,\"target\":\"JoinRoom\",\"arguments\":[\"lobby\",0]}\x1e"),
			upgrade + text(jsonHello+"{\"type\":1,\"invocationId\":\"1\",\"target\":\"GetMessagesSince\",\"arguments\":[\"lobby\",0,300]}\x1e"),
			upgrade, upgrade + "\x81", upgrade + text(jsonHello),
			"GET /rooms/lobby/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /rooms/lobby/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /rooms/lobby/messages?after=0&limit=300 HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET /messages/since?since=2020-01-01T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", "GET / HT", "",
		} {
			for range 5 {
				attack{name: "held", bytes: hold}.run(t, s.Addr(), &held, over)
			}
		}
		get200(t, s.URL()+"/healthz") // the server has accepted them: connections are accepted in order
		began := time.Now()
		code := s.Stop(drain + 5*time.Second)
		took := time.Since(began)
		letGo()
		t.Logf("exit code %d after %v", code, took)
		if code != 0 || took > drain+500*time.Millisecond {
			t.Errorf("exit code %d after %v; want 0 within %v", code, took, drain)
		}
		s.Restart()
		s.Check("lobby", sends, nil)
	})
}
