package postgres

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// key is the idempotency key of a message: the indexes of its room and sender in the batch, and its id.
type key struct {
	room, sender int32
	id           [16]byte
}

// batch is a batch on its way: its distinct messages in their order, and columns of them as the database takes them.
type batch struct {
	distinct []chat.Message
	index    []int // of each message of the caller's batch, in distinct
	fresh    int
	epoch    string

	rooms    []string // distinct, ascending
	names    []string // distinct
	roomOf   []int32  // of each message, in rooms, from 1 on
	senderOf []int32  // of each message, in names, from 1 on
	ids      []pgtype.UUID
	texts    [][]byte
	sent     []time.Time
	origins  []chat.Origin
}

// newBatch copies the messages, of which it keeps the first of each key, to append them in an epoch.
func newBatch(messages []chat.Message, ids []pgtype.UUID, epoch string) *batch {
	n := len(messages)
	b := &batch{
		distinct: make([]chat.Message, 0, n), index: make([]int, n), epoch: epoch,
		roomOf: make([]int32, 0, n), senderOf: make([]int32, 0, n), ids: make([]pgtype.UUID, 0, n),
		texts: make([][]byte, 0, n), sent: make([]time.Time, 0, n), origins: make([]chat.Origin, 0, n),
	}
	rooms, names := map[string]int32{}, map[string]int32{}
	for i := range messages {
		rooms[messages[i].Room] = 0
	}
	for room := range rooms {
		b.rooms = append(b.rooms, room)
	}
	slices.Sort(b.rooms)
	for i, room := range b.rooms {
		rooms[room] = int32(i + 1)
	}
	seen := make(map[key]int, n)
	for i := range messages {
		m := &messages[i]
		if names[m.ClientID] == 0 {
			b.names = append(b.names, m.ClientID)
			names[m.ClientID] = int32(len(b.names))
		}
		k := key{rooms[m.Room], names[m.ClientID], ids[i].Bytes}
		at, known := seen[k]
		if !known {
			at = len(b.distinct)
			seen[k] = at
			b.add(*m, k, ids[i])
		}
		b.index[i] = at
	}
	return b
}

func (b *batch) add(m chat.Message, k key, id pgtype.UUID) {
	b.origins = append(b.origins, m.Origin)
	m.Seq, m.SentAt, m.Origin, m.Epoch, m.IDTaken = 0, chat.Micros(m.SentAt), chat.Origin{}, b.epoch, false
	b.distinct = append(b.distinct, m)
	b.roomOf = append(b.roomOf, k.room)
	b.senderOf = append(b.senderOf, k.sender)
	b.ids = append(b.ids, id)
	b.texts = append(b.texts, []byte(m.Msg))
	b.sent = append(b.sent, m.SentAt)
}

// sameOrigin returns the end of the messages that follow from with its origin.
func (b *batch) sameOrigin(from int) int {
	to := from + 1
	for to < len(b.origins) && b.origins[to] == b.origins[from] {
		to++
	}
	return to
}

// appended returns the outcome of a batch that was stored. messages are those of the caller.
func (b *batch) appended(messages []chat.Message) driver.Appended {
	b.takenInBatch()
	done := driver.Appended{Messages: make([]chat.Message, len(b.index)), Fresh: b.fresh}
	for i, at := range b.index {
		done.Messages[i] = b.distinct[at]
		if b.distinct[at].Msg != messages[i].Msg {
			done.Conflicts = append(done.Conflicts, i)
		}
	}
	return done
}

// takenInBatch completes IDTaken for ids that several senders use in the batch: the database has compared each message with those
// that were stored before the batch.
func (b *batch) takenInBatch() {
	if len(b.names) == 1 {
		return
	}
	first := make(map[key]int64, len(b.distinct)) // the least number of each id in a room
	for i := range b.distinct {
		k := key{room: b.roomOf[i], id: b.ids[i].Bytes}
		if seq, ok := first[k]; !ok || b.distinct[i].Seq < seq {
			first[k] = b.distinct[i].Seq
		}
	}
	for i := range b.distinct {
		m := &b.distinct[i]
		m.IDTaken = m.IDTaken || first[key{room: b.roomOf[i], id: b.ids[i].Bytes}] < m.Seq
	}
}
