package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/route"
)

type postMessageInput struct {
	Msg      string `query:"msg" doc:"the text: 1 byte to 32 KiB of UTF-8, kept exactly as sent" example:"hello"`
	ClientID string `query:"client_id" doc:"who sends it: a name of 1 to 128 bytes of UTF-8, trimmed; with authentication it is the token's sub, and may be left out" example:"ann"`
	Room     string `query:"room" doc:"1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit; default lobby" example:"lobby"`
	ID       string `query:"id" doc:"a UUID, the idempotency key of the client in the room; the server makes one if there is none" example:"0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"`
	Body     *messageBody
}

// messageBody is the body of PostMessage; fields that it does not have may stand in the query.
type messageBody struct {
	Msg      string `json:"msg,omitempty" doc:"the text: 1 byte to 32 KiB of UTF-8, kept exactly as sent" example:"hello"`
	ClientID string `json:"client_id,omitempty" doc:"who sends it: a name of 1 to 128 bytes of UTF-8, trimmed; with authentication it is the token's sub, and may be left out" example:"ann"`
	Room     string `json:"room,omitempty" doc:"the room; default lobby" example:"lobby"`
	ID       string `json:"id,omitempty" doc:"a UUID, the idempotency key of the client in the room; the server makes one if there is none" example:"0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"`
}

type sendToRoomInput struct {
	Room string `path:"room" doc:"the room; it comes into being with its first message" example:"lobby"`
	Body roomMessageBody
}

// roomMessageBody is the body of SendToRoom.
type roomMessageBody struct {
	Msg      string `json:"msg" doc:"the text: 1 byte to 32 KiB of UTF-8, kept exactly as sent" example:"hello"`
	ClientID string `json:"client_id,omitempty" doc:"who sends it: a name of 1 to 128 bytes of UTF-8, trimmed; with authentication it is the token's sub, and may be left out" example:"ann"`
	ID       string `json:"id,omitempty" doc:"a UUID, the idempotency key of the client in the room; the server makes one if there is none" example:"0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"`
}

type accepted struct{ Body receipt }

func (a *API) postMessage(h huma.API) {
	register(h, route.PostMessage, huma.Operation{
		Tags:    []string{tagShort},
		Summary: "Send a message",
		Description: "Takes the fields from the query, from a JSON body or from a form, each from one of them; others are refused. " +
			"Answers once the message is on stable storage: nothing loses it after a 202. " +
			againText,
		DefaultStatus: http.StatusAccepted, BodyReadTimeout: -1, MaxBodyBytes: -1, // strict has read the body already
	}, sendErrors, func(ctx context.Context, in *postMessageInput) (*accepted, error) {
		m := chat.Message{Msg: in.Msg, ClientID: chat.TrimName(in.ClientID), Room: in.Room, ID: in.ID}
		if in.Body != nil {
			if err := merge(&m, in.Body); err != nil {
				return nil, failed(err)
			}
		}
		return a.accept(ctx, m)
	})
}

// merge adds the fields of the body to those of the query.
func merge(m *chat.Message, body *messageBody) error {
	for _, f := range [...]struct {
		name string
		to   *string
		from string
	}{{"msg", &m.Msg, body.Msg}, {"client_id", &m.ClientID, chat.TrimName(body.ClientID)}, {"room", &m.Room, body.Room}, {"id", &m.ID, body.ID}} {
		if f.from == "" {
			continue
		}
		if *f.to != "" {
			return errs.Field(f.name, "is given both in the query and in the body")
		}
		*f.to = f.from
	}
	return nil
}

func (a *API) sendToRoom(h huma.API) {
	register(h, route.SendToRoom, huma.Operation{
		Tags:    []string{tagRooms},
		Summary: "Send a message to a room",
		Description: "Answers once the message is on stable storage: nothing loses it after a 202. " +
			againText,
		DefaultStatus: http.StatusAccepted, BodyReadTimeout: -1, MaxBodyBytes: -1,
	}, sendErrors, func(ctx context.Context, in *sendToRoomInput) (*accepted, error) {
		return a.accept(ctx, chat.Message{Room: in.Room, Msg: in.Body.Msg, ClientID: in.Body.ClientID, ID: in.Body.ID})
	})
}

// againText says what sending again does.
const againText = "The same client sending the same id to the same room again, at any time, adds nothing and is answered 202 again. " +
	"With another text it is a conflict, and that text is not kept: 409 on one machine, a dead letter on many."

// accept sends a message into the journey and answers with what was accepted, without the number, which the store gives. It shows no
// text that may not be kept, see Config.StoresFirst.
func (a *API) accept(ctx context.Context, m chat.Message) (*accepted, error) {
	named := m.ID != ""
	m.Room, m.ClientID, m.ID = strings.Clone(m.Room), strings.Clone(m.ClientID), strings.Clone(m.ID) // they may be kept; the request may not
	m, err := a.cfg.Accept.Accept(ctx, m)
	if err != nil {
		return nil, &failure{err: err, message: m}
	}
	r := receipt{ID: m.ID, Room: m.Room, ClientID: m.ClientID, SentAt: m.SentAt.Format(chat.TimeFormat)}
	if a.cfg.StoresFirst || !named {
		r.Msg = m.Msg
	}
	return &accepted{r}, nil
}
