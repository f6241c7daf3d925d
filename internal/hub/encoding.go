package hub

import (
	"github.com/tinylib/msgp/msgp"

	"restante/internal/chat"
	"restante/internal/signalr"
)

// encoding is a wire format of messages. A room encodes each message once per encoding in use, and all readers of that
// encoding share the bytes.
type encoding int

const (
	signalrJSON encoding = iota
	signalrMessagePack
	eventStream
	encodings // how many there are
)

func encodingOf(p signalr.Protocol) encoding {
	if p == signalr.MessagePack {
		return signalrMessagePack
	}
	return signalrJSON
}

// receiveMessage is the client method that gets every message.
const receiveMessage = "ReceiveMessage"

// append appends one whole message of an epoch: a ReceiveMessage invocation or a server-sent event.
func (e encoding) append(dst []byte, epoch chat.Epoch, m *chat.Message) []byte {
	switch e {
	case signalrMessagePack:
		return signalr.MessagePack.AppendInvocation(dst, receiveMessage, appendMessagePack(nil, m))
	case eventStream:
		return appendEvent(dst, epoch, m)
	default:
		return signalr.JSON.AppendInvocation(dst, receiveMessage, m.AppendJSON(nil))
	}
}

// appendEvent appends a server-sent event (WHATWG HTML section 9.2). JSON holds no line breaks, so one data line is enough.
func appendEvent(dst []byte, epoch chat.Epoch, m *chat.Message) []byte {
	dst = chat.AppendEventID(append(dst, "id: "...), m.Seq, epoch)
	dst = append(dst, "\nevent: message\ndata: "...)
	dst = append(dst, m.AppendJSON(nil)...)
	return append(dst, "\n\n"...)
}

// appendMessagePack appends the object that AppendJSON writes. Times are text here, too, so that a client gets the same
// object in both protocols.
func appendMessagePack(dst []byte, m *chat.Message) []byte {
	dst = msgp.AppendMapHeader(dst, 7)
	dst = msgp.AppendString(msgp.AppendString(dst, "id"), m.ID)
	dst = msgp.AppendString(msgp.AppendString(dst, "room"), m.Room)
	dst = msgp.AppendInt64(msgp.AppendString(dst, "seq"), m.Seq)
	dst = msgp.AppendString(msgp.AppendString(dst, "client_id"), m.ClientID)
	dst = msgp.AppendString(msgp.AppendString(dst, "msg"), m.Msg)
	dst = msgp.AppendString(msgp.AppendString(dst, "sent_at"), m.SentAt.UTC().Format(chat.TimeFormat))
	return msgp.AppendString(msgp.AppendString(dst, "stored_at"), m.StoredAt.UTC().Format(chat.TimeFormat))
}
