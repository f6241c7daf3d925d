package faults

import (
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// Five times kill -9 in the middle of 64 senders: what was acknowledged is there, once and in order, and readers that
// come back with their cursor miss nothing.
func TestKill_LosesNothingThatWasAccepted(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		dice := seeded(t, 1)
		s := rig.Start(t, testkit.Options{})
		readers := startReaders(t, 20, load.ReaderConfig{URL: s.URL(), Reconnect: true})
		noError(t, readers.WaitJoined(within(t, 20*time.Second)))
		senders := startSenders(t, load.SenderConfig{URL: s.URL()})
		for range 5 {
			// At any point of a commit: after a random number of messages.
			noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+1+dice.Int64N(3000)))
			s.Kill()
			s.Restart()
		}
		noError(t, senders.WaitAccepted(within(t, 30*time.Second), senders.Accepted()+100))
		sends := senders.Stop()
		noError(t, readers.WaitSeq(within(t, 30*time.Second), settled(t, s, "lobby", sends)))
		report := s.Check("lobby", sends, readers.Stop())
		t.Logf("%s; answers %v", &report, senders.Answers())
		if answers := senders.Answers(); answers[0] == 0 {
			t.Error("no send was cut off: the kills came at the wrong time")
		}
	})
}
