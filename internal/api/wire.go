package api

import (
	"encoding/json"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"restante/internal/chat"
)

// message describes chat.Message to the OpenAPI document; TestMessage_DescribesChatMessage holds the two together.
type message struct {
	ID       string    `json:"id" format:"uuid" doc:"the idempotency key: the same client sending it again to the same room adds nothing; messages of two clients may have the same id, their numbers differ" example:"0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"`
	Room     string    `json:"room" pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"lobby"`
	Seq      int64     `json:"seq,omitempty" minimum:"1" doc:"the number in the room: 1, 2, 3, … without gaps; absent until the message is stored" example:"42"`
	ClientID string    `json:"client_id" doc:"who sent it: 1 to 128 bytes; with authentication, the sub of its token" example:"ann"`
	Msg      string    `json:"msg" doc:"the text, exactly as sent: 1 byte to 32 KiB of UTF-8" example:"hello"`
	SentAt   time.Time `json:"sent_at" doc:"when it was accepted; UTC" example:"2026-01-02T15:04:05.123456Z"`
	StoredAt time.Time `json:"stored_at,omitempty" doc:"when it was stored, strictly increasing within the room; UTC; absent until then" example:"2026-01-02T15:04:05.125003Z"`
}

// wireMessage is a chat.Message in an answer: described by message, encoded by package chat.
type wireMessage chat.Message

// Schema implements huma.SchemaProvider.
func (wireMessage) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[message](), true, "Message")
}

func (m wireMessage) appendJSON(dst []byte) []byte {
	c := chat.Message(m)
	return c.AppendJSON(dst)
}

// receipt is the answer to a message that was accepted: what is known to be kept of it.
type receipt struct {
	ID       string `json:"id" format:"uuid" doc:"the id, which the server has made if the request names none" example:"0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"`
	Room     string `json:"room" example:"lobby"`
	ClientID string `json:"client_id" doc:"who has sent it, as it is kept" example:"ann"`
	Msg      string `json:"msg,omitempty" doc:"the text, exactly as sent; on many machines it is absent if the request names the id, since the client may have used that for another text" example:"hello"`
	SentAt   string `json:"sent_at" format:"date-time" doc:"when it was accepted; UTC" example:"2026-01-02T15:04:05.123456Z"`
}

// messagePage is a page of a room's log.
type messagePage struct {
	Messages  []wireMessage `json:"messages" nullable:"false" doc:"in ascending order of seq"`
	LastSeq   int64         `json:"last_seq" doc:"number of the room's newest message; 0: it has none" example:"1207"`
	OldestSeq int64         `json:"oldest_seq" doc:"number of the oldest message that is still kept; what is older than it has been removed; 0: none" example:"1"`
	Epoch     string        `json:"epoch" doc:"id of the epoch that the numbers are of, opaque: the store has lost nothing as long as it is the same" example:"5f0c9a3b7e21d846"`
	Reset     *reset        `json:"reset,omitempty" doc:"why the page does not go on where the request said; absent if it does"`
	Next      string        `json:"next,omitempty" doc:"path of the page that goes on in the same direction (newer after after and since, else older); absent at the end" example:"/rooms/lobby/messages?after=42&epoch=5f0c9a3b7e21d846&limit=100"`
}

func (p messagePage) appendJSON(dst []byte) []byte {
	dst = append(dst, `{"messages":[`...)
	for i, m := range p.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = m.appendJSON(dst)
	}
	dst = append(dst, `],"last_seq":`...)
	dst = strconv.AppendInt(dst, p.LastSeq, 10)
	dst = append(dst, `,"oldest_seq":`...)
	dst = strconv.AppendInt(dst, p.OldestSeq, 10)
	dst = append(dst, `,"epoch":"`...)
	dst = append(append(dst, p.Epoch...), '"') // letters and digits, see chat.IsEpoch
	if p.Reset != nil {
		b, _ := json.Marshal(p.Reset) // texts of ASCII and integers always encode
		dst = append(append(dst, `,"reset":`...), b...)
	}
	if p.Next != "" {
		dst = append(dst, `,"next":`...)
		dst, _ = jsontext.AppendQuote(dst, p.Next) // it is ASCII, made by nextMessages
	}
	return append(dst, '}')
}

// reset describes chat.Reset to the OpenAPI document; the conversion from it holds the two together.
type reset struct {
	Room    string      `json:"room" example:"lobby"`
	Reason  chat.Reason `json:"reason" doc:"epoch: the number is of another epoch, and may stand for another message now; drop what you have of the room after the number in after. floor: what follows the number is not kept any more. Later versions may have others"`
	Epoch   string      `json:"epoch" doc:"the present one" example:"5f0c9a3b7e21d846"`
	LastSeq int64       `json:"last_seq" doc:"number of the room's newest message" example:"1207"`
	After   int64       `json:"after" doc:"reading goes on after this number" example:"42"`
	FromSeq int64       `json:"from,omitempty" doc:"with floor: the messages from this number to the one in after have been removed" example:"12"`
}

func wireMessages(list []chat.Message) []wireMessage {
	out := make([]wireMessage, len(list))
	for i, m := range list {
		out[i] = wireMessage(m)
	}
	return out
}

// roomEntry is a room in the list of rooms.
type roomEntry struct {
	Name         string `json:"name" example:"lobby"`
	LastSeq      int64  `json:"last_seq" doc:"number of the newest message" example:"1207"`
	OldestSeq    int64  `json:"oldest_seq" doc:"number of the oldest message that is still kept" example:"1"`
	LastStoredAt string `json:"last_stored_at,omitempty" format:"date-time" doc:"when the newest message was stored; UTC" example:"2026-01-02T15:04:05.125003Z"`
}

// roomPage is a page of the list of rooms.
type roomPage struct {
	Rooms []roomEntry `json:"rooms" nullable:"false" doc:"in order of their names"`
	Epoch string      `json:"epoch" doc:"id of the epoch that the numbers are of" example:"5f0c9a3b7e21d846"`
	Next  string      `json:"next,omitempty" doc:"path of the next page; absent at the end" example:"/rooms?after=lobby&limit=100"`
}
