package faults

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"restante/internal/load"
	"restante/internal/testkit"
)

// longText returns texts of so many bytes.
func longText(size int) func(sender, n int) string {
	return func(int, int) string { return load.TimedText(size) }
}

// Clients that read nothing have joined many rooms of long messages. What the server keeps for them stays within the limit.
func TestBytes_ClientsThatReadNothing(t *testing.T) {
	const (
		rooms   = 200
		each    = 16
		size    = 16 << 10 // 52 MB in all, in one encoding
		clients = 60       // of one address, which gets a part of the memory
		budget  = 24 << 20
	)
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{Args: []string{"--limit-memory", "24MiB"}})
		names := url.Values{}
		for r := range rooms {
			names.Add("room", fmt.Sprint("long-", r))
		}
		for range clients {
			readNothing(t, s, names)
		}
		before := s.Usage().RSS
		most, caches := 0.0, func() float64 {
			return metric(t, s, `restante_memory_bytes{what="tail"}`) + metric(t, s, `restante_memory_bytes{what="page"}`)
		}
		for r := range rooms {
			senders := startSenders(t, load.SenderConfig{URL: s.URL(), Room: fmt.Sprint("long-", r), Senders: 8, Each: each / 8, Text: longText(size)})
			senders.Wait()
			senders.Stop()
			if r%10 == 0 {
				most = max(most, caches())
			}
		}
		s.WaitSeq(fmt.Sprint("long-", rooms-1), each)
		most = max(most, caches())
		grown := s.Usage().RSS - before
		testkit.Measured(t, "memory", fmt.Sprintf("%s: %d clients that read nothing, %d rooms of %d × %d B, limit 24 MiB: kept at most %.1f MiB, resident memory grew by %.0f MiB",
			rig.Name, clients, rooms, each, size, most/(1<<20), float64(grown)/(1<<20)))
		if most > budget {
			t.Errorf("%.0f bytes are kept, more than the limit of %d", most, budget)
		}
		// Each client may hold one write of 64 KiB; the garbage collector needs about as much again for everything.
		if bound := int64(2 * (budget + clients*(64<<10) + 32<<20)); grown > bound && !testkit.Race() {
			t.Errorf("resident memory has grown by %d bytes, more than %d", grown, bound)
		}
	})
}

// readNothing connects a client that joins the rooms and never reads.
func readNothing(t *testing.T, s *testkit.Server, rooms url.Values) {
	t.Helper()
	conn, _, _, err := ws.Dial(within(t, limit), strings.Replace(s.URL(), "http", "ws", 1)+"/messageHub?client_id=deaf&"+rooms.Encode())
	noError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	noError(t, wsutil.WriteClientText(conn, []byte(`{"protocol":"json","version":1}`+recordEnd)))
}

// A reader of long messages costs the server about what the same messages cost in pages: none is read again and again.
func TestBytes_LongMessagesAreReadOnce(t *testing.T) {
	const messages, size = 512, 32_000
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		senders := startSenders(t, load.SenderConfig{URL: s.URL(), Room: "long", Senders: 16, Each: messages / 16, Text: longText(size)})
		senders.Wait()
		senders.Stop()
		s.WaitSeq("long", messages)
		s.Stop(limit)
		s.Restart() // it keeps nothing of them
		pages := cpuOf(t, s, func() { get200(t, s.URL()+"/messages/since?room=long&after=0") })
		before := metric(t, s, "restante_catchup_reads_total")
		reader := &epochReader{name: "WebSockets", url: s.URL(), room: "long", connect: transports["WebSockets"]}
		hub := cpuOf(t, s, func() {
			reader.start(t)
			epochReaders{reader}.waitSeq(t, messages)
		})
		reads := metric(t, s, "restante_catchup_reads_total") - before
		testkit.Measured(t, "cpu", fmt.Sprintf("%s: %d × %d B: %v of processor time over the hub in %.0f reads, %v as one array", rig.Name, messages, size, hub, reads, pages))
		// 256 KiB hold 8 of them, so each block of 128 numbers has 16 pages. One more look finds the end.
		if most := float64(messages/8 + 1); reads > most {
			t.Errorf("%v reads of the store, want %v at most", reads, most)
		}
	})
}

// cpuOf returns the processor time of the server while do runs.
func cpuOf(t *testing.T, s *testkit.Server, do func()) time.Duration {
	t.Helper()
	before := s.Usage().CPU
	do()
	return s.Usage().CPU - before
}

// Readers with different cursors of one room share the pages that they read.
func TestBytes_ReadersWithDifferentCursorsSharePages(t *testing.T) {
	const messages, readers, cursors = 6400, 1000, 500
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		sends := fill(t, s.URL(), "lobby", messages)
		s.Stop(limit)
		s.Restart()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var all []*load.Readers
		for c := range cursors {
			r, err := load.StartReaders(ctx, readers/cursors, load.ReaderConfig{URL: s.URL(), Room: "lobby", After: int64(c * (messages / cursors)), IDs: true})
			noError(t, err)
			all = append(all, r)
		}
		var readings []load.Reading
		for _, r := range all {
			noError(t, r.WaitSeq(within(t, limit), messages))
			readings = append(readings, r.Stop()...)
		}
		reads := metric(t, s, "restante_catchup_reads_total")
		testkit.Measured(t, "reads", fmt.Sprintf("%s: %d readers at %d cursors of one room with %d messages: %.0f reads of the store", rig.Name, readers, cursors, messages, reads))
		if most := float64(2 * messages / 128); reads > most {
			t.Errorf("%v reads of the store for %d pages, want %v at most", reads, messages/128, most)
		}
		s.Check("lobby", sends, readings)
	})
}
