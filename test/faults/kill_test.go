package faults

import (
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// kill -9 while 64 senders send, five times: every acknowledged message is stored, once and in order, and readers that
// come back with their cursors miss nothing.
func TestKill_LosesNothingThatWasAccepted(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		dice := seeded(t, 1)
		s := rig.Start(t, testkit.Options{})
		readers := startReaders(t, 20, load.ReaderConfig{URL: s.URL(), Reconnect: true})
		noError(t, readers.WaitJoined(within(t, 20*time.Second)))
		senders := startSenders(t, load.SenderConfig{URL: s.URL()})
		for range 5 {
			// At a random point of a commit: after a random number of messages.
			noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+1+dice.Int64N(3000)))
			s.Kill()
			s.Restart()
		}
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+100))
		sends := senders.Stop()
		noError(t, readers.WaitSeq(within(t, 30*time.Second), waitStored(t, s, "lobby", sends)))
		report := s.Check("lobby", sends, readers.Stop())
		t.Logf("%s; answers %v", &report, senders.Answers())
		if answers := senders.Answers(); answers[0] == 0 {
			t.Error("no send was interrupted: the kills came at the wrong time")
		}
	})
}
