package hub

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"restante/internal/auth"
)

// seqsOf returns the numbers of the events in a stream.
func seqsOf(events []byte) (seqs []int64) {
	for line := range bytes.Lines(events) {
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			seq, err := strconv.ParseInt(string(bytes.TrimSpace(id)), 10, 64)
			if err != nil {
				panic(err)
			}
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

// anyone gives a test's context the client that may do everything.
func anyone(ctx context.Context) context.Context { return auth.With(ctx, auth.Anyone()) }

func upTo(first, last int64) (seqs []int64) {
	for seq := first; seq <= last; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}

// waitUntil waits for something that gives no sign.
func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("waited 20 s")
		}
	}
}

// join opens a connection for p that reads room "a" after seq.
func join(t *testing.T, h *Hub, p *peer, seq int64) *conn {
	t.Helper()
	c := h.newConn(t.Context(), p, eventStream)
	t.Cleanup(func() { p.end(); c.close() })
	if _, err := c.follow(anyone(t.Context()), at("a", seq)); err != nil {
		t.Fatalf("follow: %v", err)
	}
	return c
}

func wantSeqs(t *testing.T, got, want []int64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestConn_ReadsHistoryThenLive(t *testing.T) {
	log := &history{}
	log.append("a", 300)
	h := start(t, log)
	p := newPeer()
	join(t, h, p, 10)
	for range 200 {
		h.Deliver(log.append("a", 1))
	}
	p.waitSeq(t, 500)
	wantSeqs(t, p.seqs(), upTo(11, 500))
}

func TestConn_StalledPeerMissesNothingAndDelaysNoOther(t *testing.T) {
	log := &history{}
	h := start(t, log)
	slow, fast := newPeer(), newPeer()
	join(t, h, slow, 0)
	join(t, h, fast, 0)
	slow.stall(true)
	for range 50 {
		h.Deliver(log.append("a", 20))
	}
	fast.waitSeq(t, 1000)
	if n := len(slow.pending); n > maxWrite {
		t.Errorf("%d bytes wait for the stalled peer, want at most %d", n, maxWrite)
	}
	slow.stall(false)
	slow.waitSeq(t, 1000)
	wantSeqs(t, slow.seqs(), upTo(1, 1000))
	wantSeqs(t, fast.seqs(), upTo(1, 1000))
}

func TestConn_MissedAnnouncementIsReadFromTheStore(t *testing.T) {
	log := &history{}
	h := start(t, log)
	p := newPeer()
	join(t, h, p, 0)
	h.Deliver(log.append("a", 3))
	log.append("a", 5) // without an announcement
	h.Deliver(log.append("a", 1))
	p.waitSeq(t, 9)
	wantSeqs(t, p.seqs(), upTo(1, 9))
}

func TestConn_RepeatedAnnouncementIsIgnored(t *testing.T) {
	log := &history{}
	h := start(t, log)
	p := newPeer()
	join(t, h, p, 0)
	first := slices.Clone(log.append("a", 4))
	h.Deliver(first)
	h.Deliver(first[1:3])
	h.Deliver(slices.Concat(first, log.append("a", 2)))
	p.waitSeq(t, 6)
	wantSeqs(t, p.seqs(), upTo(1, 6))
}

func TestConn_StoreThatIsDownDelaysCatchUp(t *testing.T) {
	log := &history{}
	log.append("a", 400)
	h := start(t, log)
	log.setBroken(true)
	p := newPeer()
	join(t, h, p, 0)
	for log.readCount() == 0 { // it has tried
		h.Deliver(log.append("a", 1))
	}
	log.setBroken(false)
	last := log.append("a", 1)
	h.Deliver(last)
	p.waitSeq(t, last[0].Seq)
	wantSeqs(t, p.seqs(), upTo(1, last[0].Seq))
}

func (h *history) readCount() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reads
}

func TestConn_JoiningAgainMovesTheCursor(t *testing.T) {
	log := &history{}
	log.append("a", 50)
	h := start(t, log)
	p := newPeer()
	c := join(t, h, p, 40)
	p.waitSeq(t, 50)
	if _, err := c.follow(anyone(t.Context()), at("a", 45)); err != nil {
		t.Fatalf("follow again: %v", err)
	}
	h.Deliver(log.append("a", 1))
	p.waitSeq(t, 51)
	wantSeqs(t, p.seqs(), slices.Concat(upTo(41, 50), upTo(46, 51)))
	if n := len(h.rooms["a"].appendReaders(nil, c.pump.index)); n != 1 {
		t.Errorf("the room has %d readers, want 1", n)
	}
}

// A client that leaves a room, or moves its cursor, while bytes wait for it gets nothing from the old cursor afterwards.
func TestConn_NothingFromTheOldCursorAfterAMove(t *testing.T) {
	log := &history{}
	log.append("a", 20)
	h := start(t, log)
	p := newPeer()
	p.stall(true)
	c := join(t, h, p, 0)
	if err := p.until(t.Context(), func() bool { return len(p.pending) > 0 }); err != nil {
		t.Fatal(err)
	}
	h.Deliver(log.append("a", 1)) // waits behind what is pending
	c.unfollow("a")
	p.stall(false)
	before := p.seqs()
	h.Deliver(log.append("a", 1))
	if _, err := c.follow(anyone(t.Context()), at("a", 21)); err != nil {
		t.Fatalf("follow: %v", err)
	}
	p.waitSeq(t, 22)
	wantSeqs(t, p.seqs(), append(before, 22))
}

func TestConn_CloseEndsACatchUpThatWaits(t *testing.T) {
	log := &history{}
	log.append("a", 5000)
	h := start(t, log)
	p := newPeer()
	p.stall(true)
	c := join(t, h, p, 0)
	c.close()
	if _, err := c.follow(anyone(context.Background()), at("a", 0)); err != nil {
		t.Errorf("follow after close: %v", err)
	}
	if len(h.rooms) != 0 {
		t.Error("a closed connection holds its room open")
	}
}

// Readers that come back with different cursors share the pages of history.
func TestConn_ReadersShareHistory(t *testing.T) {
	log := &history{}
	log.append("a", 1000)
	h := start(t, log)
	const readers = 200
	peers := make([]*peer, readers)
	for i := range peers {
		peers[i] = newPeer()
		join(t, h, peers[i], int64(i))
	}
	for i, p := range peers {
		p.waitSeq(t, 1000)
		wantSeqs(t, p.seqs(), upTo(int64(i)+1, 1000))
	}
	if pages := 1000/pageMessages + 1; log.readCount() > 3*pages {
		t.Errorf("%d readers of %d pages made %d reads", readers, pages, log.readCount())
	}
}
