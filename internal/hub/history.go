package hub

import (
	"context"

	"restante/internal/chat"
)

// Now as a cursor means from the next message on.
const Now = chat.Now

// History is the store: After returns up to limit messages of the room with Seq > seq, ascending; Room returns what is
// known of a room; Beginning returns after which number a cursor of another epoch goes on, see chat.Resume. All may be called
// concurrently.
type History interface {
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	Room(ctx context.Context, name string) (chat.Room, error)
	Beginning(ctx context.Context, room, epoch string) (int64, error)
}

// SharedHistory is the store as all readers of the hub share it. LastSeqs returns the number of the newest message of each
// room, in the order of the names, 0 for an unknown room, for any number of rooms. Page returns the page that holds a message, or
// without it if it does not exist; pages have the same borders for every reader. Epoch returns the present epoch of the store,
// without blocking, or an error while that is not known.
type SharedHistory interface {
	History
	Page(ctx context.Context, room string, seq int64) ([]chat.Message, error)
	LastSeqs(ctx context.Context, rooms []string) ([]int64, error)
	Epoch() (chat.Epoch, error)
}

// Logs are the two ways in which the hub reads the rooms' logs.
type Logs struct {
	// Guarded reads for one client. It refuses what the client of the context may not read, see auth.Log. GetMessagesSince and
	// the cursors of other epochs use it.
	Guarded History
	// Shared reads for all readers of a room at once, so it checks no client: only readers whose right conn.enroll has checked
	// get what it returns. Joins, tails, pages and comparisons use it.
	Shared SharedHistory
}
