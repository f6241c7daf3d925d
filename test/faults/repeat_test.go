package faults

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/load"
	"restante/internal/testkit"
)

// A message with a known id adds nothing, whether 32 senders send it at once, after a restart, or after kill -9.
func TestRepeat_OfAnIDAddsNothing(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		readers := startReaders(t, 3, load.ReaderConfig{URL: s.URL(), Reconnect: true})
		var sends []*load.Send
		for range 5 {
			sends = append(sends, &load.Send{ID: uuid.NewString(), Room: "lobby", ClientID: "ann", Text: "the same\nagain", Begun: time.Now()})
		}
		again := func() {
			t.Helper()
			for _, send := range sends {
				postTogether(t, s.URL(), send, 32)
			}
		}
		again()
		again()
		if code := s.Stop(20 * time.Second); code != 0 {
			t.Errorf("exit code %d", code)
		}
		s.Restart()
		again()
		s.Kill()
		s.Restart()
		again()
		// Later messages are numbered after all repeats.
		evidence := fill(t, s.URL(), "lobby", 1)
		for _, send := range sends {
			evidence = append(evidence, *send)
		}
		if last := waitStored(t, s, "lobby", evidence); last != int64(len(evidence)) {
			t.Errorf("%d messages stored, want %d", last, len(evidence))
		}
		noError(t, readers.WaitSeq(within(t, 20*time.Second), int64(len(evidence))))
		s.Check("lobby", evidence, readers.Stop())
	})
}

// postTogether posts one message n times at once; every answer must be 202.
func postTogether(t *testing.T, url string, send *load.Send, n int) {
	t.Helper()
	var posts sync.WaitGroup
	start := make(chan struct{})
	for range n {
		posts.Go(func() {
			<-start
			if status, err := load.Post(t.Context(), url, send); status != 202 {
				t.Errorf("status %d, %v; want 202", status, err)
			}
		})
	}
	close(start)
	posts.Wait()
	if send.Accepted.IsZero() {
		send.Accepted = time.Now()
	}
}
