package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/load"
	"restante/internal/testkit"
)

// tool runs the program under test with arguments, which must succeed, and returns what it prints.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(within(t, limit), testkit.Binary(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("restante %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// machine is one machine under load, with readers on every transport.
type machine struct {
	t       *testing.T
	server  *testkit.Server
	senders *load.Senders
	readers epochReaders // they are connected all the time
	away    epochReaders // they go away before the loss and come back after it
}

const pastRoom = "past"

func startMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, server: testkit.Start(t, testkit.Options{EpochsEnd: true})}
	m.load()
	m.readers = startEpochReaders(t, m.server.URL(), pastRoom)
	m.away = startEpochReaders(t, m.server.URL(), pastRoom)
	m.accept(100)
	m.readers.waitSeq(t, 50)
	m.away.waitSeq(t, 50)
	return m
}

func (m *machine) load() {
	m.t.Helper()
	m.senders = startSenders(m.t, load.SenderConfig{URL: m.server.URL(), Room: pastRoom, Senders: 4, Every: 10 * time.Millisecond})
}

func (m *machine) accept(n int64) {
	m.t.Helper()
	noError(m.t, m.senders.WaitAccepted(within(m.t, limit), m.senders.Accepted()+n))
}

// check stops sending and compares every reader with what is stored.
func (m *machine) check(when string) {
	m.t.Helper()
	m.senders.Stop()
	stored := m.server.ReadRoom(pastRoom)
	m.readers.check(m.t, when+", connected", stored)
	m.away.resume(m.t)
	m.away.check(m.t, when+", away", stored)
	m.away.pause()
	late := startEpochReaders(m.t, m.server.URL(), pastRoom)
	late.check(m.t, when+", joined later", stored)
	late.pause()
}

// A backup that was made beside the running server is restored twice. Each time readers that were there are told so, and hold
// what the store holds.
func TestEpochs_OneMachineIsRestored(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	backup := filepath.Join(t.TempDir(), "backup.db")
	tool(t, "backup", "--data", m.server.Data(), "--to", backup)
	m.accept(50)
	m.away.pause()
	for round := range 2 {
		m.server.Stop(limit)
		tool(t, "restore", backup, "--data", m.server.Data())
		m.server.Restart()
		m.accept(100) // the senders try on
		m.check(fmt.Sprintf("after restore %d", round+1))
		m.load()
	}
	for name, readers := range map[string]epochReaders{"connected": m.readers, "away": m.away} {
		if n := readers.resetBy(chat.ReasonEpoch); n < 2*len(readers) {
			t.Errorf("%d resets for %d readers that were %s during two restores", n, len(readers), name)
		}
	}
}

// Somebody who knows no command puts an older copy of the file in its place. The server notices.
func TestEpochs_OneMachineGetsAnOlderFile(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	file, older := filepath.Join(m.server.Data(), "restante.db"), filepath.Join(t.TempDir(), "older.db")
	m.server.Stop(limit)
	copyFile(t, file, older)
	m.server.Restart()
	m.accept(50)
	m.away.pause()
	m.server.Stop(limit)
	copyFile(t, older, file)
	m.server.Restart()
	m.accept(100)
	m.check("with the older file")
	if n := metric(t, m.server, "restante_epochs_ended_total"); n != 1 {
		t.Errorf("%v epochs have ended, want 1", n)
	}
	if !strings.Contains(m.server.Log(), `"level":"ERROR"`) {
		t.Error("no line of the log says it")
	}
	if n := m.readers.resetBy(chat.ReasonEpoch); n < len(m.readers) {
		t.Errorf("%d resets for %d readers", n, len(m.readers))
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	noError(t, err)
	noError(t, os.WriteFile(to, content, 0o600))
}

// Kills and restarts of a server whose files are its own end no epoch.
func TestEpochs_OneMachineIsKilled(t *testing.T) {
	t.Parallel()
	m := startMachine(t)
	for range 3 {
		m.server.Kill()
		m.server.Restart()
		m.accept(50)
	}
	m.check("after kills")
	if n := metric(t, m.server, "restante_epochs_ended_total"); n != 0 {
		t.Errorf("%v epochs have ended, want none", n)
	}
	if n := m.readers.resetBy(chat.ReasonEpoch); n != 0 {
		t.Errorf("%d resets, want none", n)
	}
}
