package clients

import (
	"slices"
	"testing"
	"time"

	"restante/internal/testkit"
)

// restart runs the clients in all of their ways in one room, while the server is stopped as in an update, and then killed.
func restart(t *testing.T, clients ...client) {
	t.Helper()
	server := testkit.Start(t, testkit.Options{Args: []string{"--drain", "2s"}})
	s := newScenario(t, server.Addr(), nil)
	s.post(10)
	var programs []*program
	for _, c := range clients {
		for _, w := range c.ways {
			s.Transport, s.Protocol = w.transport, w.protocol
			programs = append(programs, start(t, c.command, s.settings))
		}
	}
	everywhere := func() {
		for _, p := range programs {
			s.awaitMessages(p)
		}
	}
	for _, p := range programs {
		p.await(s.ctx, "ready", func(lines []line) bool { return slices.ContainsFunc(lines, func(l line) bool { return l.Ready }) })
	}
	s.post(5)
	everywhere()
	if code := server.Stop(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.http.CloseIdleConnections()
	server.Restart()
	s.post(20)
	everywhere()
	server.Kill()
	s.http.CloseIdleConnections()
	server.Restart()
	s.post(20)
	everywhere()
	for _, p := range programs {
		s.check(p.stop(), nil)
	}
}
