package epoch

import (
	"fmt"
	"testing"

	"restante/internal/chat"
)

func TestMemory_KeepsTheNewestOfTheEpoch(t *testing.T) {
	m := newMemory()
	m.begin("e1")
	message := func(room string, seq int64, epoch string) chat.Message {
		return chat.Message{Room: room, Seq: seq, ID: fmt.Sprint(room, seq), Epoch: epoch}
	}
	m.note([]chat.Message{message("a", 1, "e1"), message("a", 3, "e1"), message("b", 1, "e1"), message("c", 1, "e0"), message("d", 1, "")})
	m.note([]chat.Message{message("a", 2, "e1")})
	got := m.newest("e1", maxRooms)
	if len(got) != 2 || got[1].ID != "b1" || got[0].Room != "a" || got[0].Seq != 3 || got[0].ID != "a3" {
		t.Errorf("%+v", got)
	}
	for i := range 2 * maxRooms {
		m.note([]chat.Message{message(fmt.Sprint("r", i), 1, "e1")})
	}
	if got := m.newest("e1", maxRooms); len(got) != maxRooms || got[0].Room != fmt.Sprint("r", 2*maxRooms-1) {
		t.Errorf("%d rooms are remembered", len(got))
	}
	if m.begin("e2"); len(m.newest("e2", maxRooms))+len(m.newest("e1", maxRooms)) != 0 {
		t.Error("an epoch remembers another one")
	}
}

func BenchmarkMemory(b *testing.B) {
	m := newMemory()
	m.begin("e1")
	batch := make([]chat.Message, 100)
	for i := range batch {
		batch[i] = chat.Message{Room: fmt.Sprint("room", i%10), ID: "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f", Epoch: "e1"}
	}
	seq := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			seq++
			batch[i].Seq = seq
		}
		m.note(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/message")
}
