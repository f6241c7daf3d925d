// Package faults breaks a running server, under load, in every way that it promises to survive, and lets load.Check say
// whether it has kept its word.
package faults

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) {
	if death := os.Getenv(deathVariable); death != "" {
		os.Exit(runMortal(death))
	}
	if task := os.Getenv(crowdVariable); task != "" {
		os.Exit(runCrowd(task))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	testkit.Main(m)
}

// parallel is how many of the tests that may run side by side do: most of the time they wait for something that is
// broken, and keep no core busy.
const parallel = "5"

// embedded is the name of the rig that is one process with a disk of its own.
const embedded = "embedded"

// limit is what anything that the tests wait for may take at most, on a busy machine: far above the pauses that are
// measured, so that a failure means "never".
const limit = 60 * time.Second

// within returns a context for what has to happen within a time that is generous on a busy machine.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// noError fails the test at once.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seeded returns the dice of a test, and prints the seed when the test fails.
func seeded(t *testing.T, seed uint64) *rand.Rand {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, seed))
}

func startSenders(t *testing.T, cfg load.SenderConfig) *load.Senders {
	t.Helper()
	s, err := load.StartSenders(t.Context(), cfg)
	noError(t, err)
	t.Cleanup(func() { s.Stop() })
	return s
}

func startReaders(t *testing.T, n int, cfg load.ReaderConfig) *load.Readers {
	t.Helper()
	cfg.IDs = true
	r, err := load.StartReaders(t.Context(), n, cfg)
	noError(t, err)
	t.Cleanup(func() { r.Stop() })
	return r
}

// fill sends n messages to a room and waits until they are accepted and, in a room that was empty, stored.
func fill(t *testing.T, url, room string, n int) []load.Send {
	t.Helper()
	const senders = 50
	s := startSenders(t, load.SenderConfig{URL: url, Room: room, Senders: min(n, senders), Each: max(1, n/senders)})
	s.Wait()
	sends := s.Stop()
	noError(t, load.WaitStored(within(t, limit), url, room, sends))
	return sends
}

func lastSeq(t *testing.T, s *testkit.Server, room string) int64 {
	t.Helper()
	last, err := load.LastSeq(t.Context(), s.URL(), room)
	noError(t, err)
	return last
}

// settled waits until everything that was accepted is stored, and returns the number of the room's last message.
func settled(t *testing.T, s *testkit.Server, room string, sends []load.Send) int64 {
	t.Helper()
	noError(t, load.WaitStored(within(t, limit), s.URL(), room, sends))
	return lastSeq(t, s, room)
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx := within(t, limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never came true: %s", what)
		}
	}
}

// waitReady returns when /readyz has the status.
func waitReady(t *testing.T, s *testkit.Server, status int) {
	t.Helper()
	eventually(t, fmt.Sprintf("/readyz answers %d", status), func() bool { return s.Ready() == status })
}

// get200 makes a request that must be answered with 200, and returns the lines of the answer.
func get200(t *testing.T, url string) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 10*time.Second), http.MethodGet, url, nil)
	noError(t, err)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	noError(t, err)
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || err != nil {
		t.Fatalf("GET %s: %s, %v", url, resp.Status, err)
	}
	return strings.Split(string(body), "\n")
}
