package hub

import (
	"encoding/json"

	"github.com/tinylib/msgp/msgp"

	"restante/internal/chat"
	"restante/internal/signalr"
)

// receiveReset is the client method that is told where a reader goes on.
const receiveReset = "Reset"

// appendReset appends a Reset: an invocation of receiveReset or a server-sent event.
func (e encoding) appendReset(dst []byte, reset *chat.Reset, epoch chat.Epoch) []byte {
	switch e {
	case signalrMessagePack:
		return signalr.MessagePack.AppendInvocation(dst, receiveReset, packReset(reset))
	case eventStream:
		dst = chat.AppendEventID(append(dst, "id: "...), reset.After, epoch)
		dst = append(dst, "\nevent: reset\ndata: "...)
		return append(append(dst, resetJSON(reset)...), "\n\n"...)
	default:
		return signalr.JSON.AppendInvocation(dst, receiveReset, resetJSON(reset))
	}
}

func resetJSON(reset *chat.Reset) []byte {
	b, _ := json.Marshal(reset) // encoding texts and integers cannot fail
	return b
}

// packReset returns the object of resetJSON in MessagePack.
func packReset(reset *chat.Reset) []byte {
	members := uint32(5)
	if reset.FromSeq != 0 {
		members++
	}
	dst := msgp.AppendMapHeader(nil, members)
	dst = msgp.AppendString(msgp.AppendString(dst, "room"), reset.Room)
	dst = msgp.AppendString(msgp.AppendString(dst, "reason"), string(reset.Reason))
	dst = msgp.AppendString(msgp.AppendString(dst, "epoch"), reset.Epoch)
	dst = msgp.AppendInt64(msgp.AppendString(dst, "last_seq"), reset.LastSeq)
	dst = msgp.AppendInt64(msgp.AppendString(dst, "after"), reset.After)
	if reset.FromSeq != 0 {
		dst = msgp.AppendInt64(msgp.AppendString(dst, "from"), reset.FromSeq)
	}
	return dst
}
