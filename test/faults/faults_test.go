// Package faults breaks a running server, under load, in every way that it promises to survive, and lets load.Check
// decide whether the promises were kept.
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
	if task := os.Getenv(attackVariable); task != "" {
		os.Exit(runAttacker(task))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	testkit.Main(m)
}

// parallel is the number of tests that run in parallel. Most of the time they wait for something broken and use no
// processor.
const parallel = "5"

// embedded is the name of the rig with one process and its own disk.
const embedded = "embedded"

// limit bounds every wait of the tests. It is far above the pauses that are measured, even on a busy machine, so that a
// failure means "never".
const limit = 60 * time.Second

// within returns a context with a time limit, which is generous even on a busy machine.
func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// noError fails the test at once if there is an error.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// seeded returns a random source, and prints its seed when the test fails.
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

// fill sends n messages to a room and waits until they are accepted and, if the room was empty, stored.
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

// waitStored waits until every accepted message is stored, and returns the number of the room's last message.
func waitStored(t *testing.T, s *testkit.Server, room string, sends []load.Send) int64 {
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
			t.Fatalf("never became true: %s", what)
		}
	}
}

// waitReady returns when /readyz answers with the status.
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
