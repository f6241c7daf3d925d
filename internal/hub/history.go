package hub

import (
	"context"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Now as a cursor means from the next message on.
const Now = chat.Now

// History is the store: After returns up to limit messages of the room with Seq > seq, ascending; Room returns what is
// known of a room. Both may be called concurrently.
type History interface {
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	Room(ctx context.Context, name string) (chat.Room, error)
}

// SharedHistory is the store as all readers of the hub share it. LastSeqs returns the number of the newest message of each
// room, in the order of the names, 0 for an unknown room, for any number of rooms. Page returns the page that holds a message, or
// without it if it does not exist; pages have the same borders for every reader.
type SharedHistory interface {
	History
	Page(ctx context.Context, room string, seq int64) ([]chat.Message, error)
	LastSeqs(ctx context.Context, rooms []string) ([]int64, error)
}

// Logs are the two ways in which the hub reads the rooms' logs.
type Logs struct {
	// Guarded reads for one client. It refuses what the client of the context may not read, see auth.Log. Joins and
	// GetMessagesSince use it.
	Guarded History
	// Shared reads for all readers of a room at once, so it checks no client: only readers that Guarded has admitted get
	// what it returns. Tails, pages and comparisons use it.
	Shared SharedHistory
}

// resolve checks a cursor and returns what the store knows of its room and the message to read from. It reads through
// the guard, so that a client without the right to the room learns nothing about it: even a refused cursor would tell
// how long the room is.
//
// Only the store says what "now" is, and it says the same to the client (last_seq) and to its reader. The room's tail
// cannot say it: announcements may be late, or lost until the next Resync, so the tail may be behind the store, and it
// may have passed it by the time it is read. A reader that began after the tail would get messages again that the client
// knows to be before now, or would miss those that came in between.
func (h *Hub) resolve(ctx context.Context, name string, after int64) (known chat.Room, next int64, err error) {
	if err := chat.ValidateRoom(name); err != nil {
		return known, 0, err
	}
	// The read is short and has its own time limit. Tied to the connection's context it would leave 360 bytes of
	// bookkeeping in that context for the life of every connection.
	if known, err = h.logs.Guarded.Room(context.WithoutCancel(ctx), name); err != nil {
		return known, 0, err
	}
	switch {
	case after == Now:
		return known, known.LastSeq + 1, nil
	case after < 0 || after > known.LastSeq:
		return known, 0, errs.Field("after", "must be from 0 to the number of the newest message, %d, is %d",
			known.LastSeq, after)
	}
	return known, after + 1, nil
}
