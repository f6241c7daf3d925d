package chat

// The limits of a message. They are part of the API: lowering one breaks clients.
const (
	MaxMsgBytes      = 32 << 10 // of Message.Msg, in bytes of UTF-8
	MaxClientIDBytes = 128
	MaxRoomBytes     = 64
	MaxPage          = 500     // messages in one page of history
	DefaultPage      = 100     // the same, for a request that does not say
	MaxPageBytes     = 1 << 20 // of their texts together: a page of long messages has fewer, but always one
)

// DefaultRoom is the room of requests that name none.
const DefaultRoom = "lobby"
