package chat

// The limits of a message. They are part of the API: lowering one breaks clients.
const (
	MaxMsgBytes      = 32 << 10 // bytes of UTF-8 in Message.Msg
	MaxClientIDBytes = 128
	MaxRoomBytes     = 64
	MaxPage          = 500     // messages in one page of history
	MaxNames         = 200     // rooms in one request for rooms by their names
	DefaultPage      = 100     // messages in a page if the request sets no limit
	MaxPageBytes     = 1 << 20 // bytes of text in one page: a page of long messages has fewer of them, but at least one
)

// DefaultRoom is the room of requests that name no room.
const DefaultRoom = "lobby"
