package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
	"restante/internal/signalr"
)

// The methods that a client may invoke; docs/api/hub.md describes them.
const (
	sendMessage      = "SendMessage"
	joinRoom         = "JoinRoom"
	leaveRoom        = "LeaveRoom"
	getMessagesSince = "GetMessagesSince"
	ping             = "Ping"
)

// Methods implements signalr.Hub.
func (chatHub) Methods() []string {
	return []string{sendMessage, joinRoom, leaveRoom, getMessagesSince, ping}
}

// Invoke implements signalr.Session. ctx has the values of the request that has shown the newest token of the connection, not
// those of the request that brought the call: a connection has one set of rights at a time.
func (s *session) Invoke(ctx context.Context, inv signalr.Invocation) (any, error) {
	result, err := s.call(ctx, inv)
	if err == nil {
		return result, nil
	}
	if argErr, ok := errors.AsType[*signalr.ArgumentError](err); ok {
		return nil, argErr
	}
	// A call that was cut short because its client has disconnected is not an error.
	if code := errs.CodeOf(err); ctx.Err() == nil && (code == errs.Internal || code == errs.Unavailable) {
		s.hub.cfg.Log.ErrorContext(ctx, "hub method failed", slog.String("method", inv.Target), slog.Any("error", err))
	}
	return nil, s.hub.refused(ctx, inv.Target, err)
}

// call runs the method. Messages have their own limit, which accept checks.
func (s *session) call(ctx context.Context, inv signalr.Invocation) (any, error) {
	if inv.Target == sendMessage {
		return s.sendMessage(ctx, inv.Args)
	}
	if err := s.hub.cfg.Allow(ctx); err != nil {
		return nil, err
	}
	switch inv.Target {
	case joinRoom:
		return s.joinRoom(ctx, inv.Args)
	case leaveRoom:
		return nil, s.leaveRoom(inv.Args)
	case getMessagesSince:
		return s.getMessagesSince(ctx, inv.Args)
	case ping:
		return nil, decode(inv.Args, 0) // for clients that measure how long an answer takes
	}
	return nil, fmt.Errorf("method %s is listed but not implemented", inv.Target)
}

// unconfirmed is the error of a message that was not confirmed.
type unconfirmed struct {
	error
	id string
}

// Unwrap returns the error.
func (u *unconfirmed) Unwrap() error { return u.error }

// publicText returns what a client may read of an error. The sender of a message is told whether it was accepted, and its id.
func publicText(err error) string {
	text := errs.Public(err)
	if sent, ok := errors.AsType[*unconfirmed](err); ok {
		return journey.Told(err, text, sent.id)
	}
	return text
}

// refused is hubError, and tells Config.Denied when the rights of the client are the reason.
func (h *Hub) refused(ctx context.Context, method string, err error) error {
	if errs.CodeOf(err) == errs.Forbidden {
		h.cfg.Denied(ctx, method, err)
	}
	return hubError(err)
}

// hubError translates an error for a client: its class, a colon, and its public text.
func hubError(err error) error {
	text := string(errs.CodeOf(err)) + ": " + publicText(err)
	if e, ok := errors.AsType[*errs.Error](err); ok && e.RetryAfter > 0 {
		text += fmt.Sprintf("; try again in %.0f s", math.Ceil(e.RetryAfter.Seconds()))
	}
	return &signalr.HubError{Msg: text}
}

type sent struct {
	ID     string `json:"id"`
	SentAt string `json:"sent_at"`
}

// sendMessage takes (room, msg, id?) or one object {room?, msg, id?, client_id?}, and answers when the message is safe.
func (s *session) sendMessage(ctx context.Context, args []json.RawMessage) (any, error) {
	var in struct {
		Room     string `json:"room"`
		Msg      string `json:"msg"`
		ID       string `json:"id"`
		ClientID string `json:"client_id"`
	}
	var err error
	if len(args) == 1 {
		err = decodeObject(args[0], &in, "message", "{room?, msg, id?, client_id?}")
	} else {
		err = decode(args, 2, arg{"room", &in.Room}, arg{"msg", &in.Msg}, arg{"id", &in.ID})
	}
	if err != nil {
		return nil, err
	}
	if in.ClientID = chat.TrimName(in.ClientID); in.ClientID == "" {
		in.ClientID = s.clientID
	}
	if in.ClientID == "" {
		return nil, errs.Field("client_id", "is missing: name the sender in the hub URL (?client_id=ann) or in the message")
	}
	m, err := s.hub.accept.Accept(ctx, chat.Message{ID: in.ID, Room: in.Room, ClientID: in.ClientID, Msg: in.Msg})
	switch errs.CodeOf(err) {
	case "":
	case errs.Unavailable, errs.Internal:
		return nil, &unconfirmed{err, m.ID}
	default:
		return nil, err
	}
	return sent{ID: m.ID, SentAt: m.SentAt.Format(chat.TimeFormat)}, nil
}

type joined struct {
	LastSeq   int64       `json:"last_seq"`
	OldestSeq int64       `json:"oldest_seq"`
	Epoch     string      `json:"epoch"`
	Reset     *chat.Reset `json:"reset,omitempty"`
}

// joinRoom takes (room, after?), see cursorArg. The answer comes before the messages: a Reset in it says what they follow.
func (s *session) joinRoom(ctx context.Context, args []json.RawMessage) (any, error) {
	var room string
	var after json.RawMessage
	if err := decode(args, 1, arg{"room", &room}, arg{"after", &after}); err != nil {
		return nil, err
	}
	cursor, err := cursorArg(room, "after", after)
	if err != nil {
		return nil, err
	}
	at, err := s.conn.join(ctx, cursor)
	if err != nil {
		return nil, err
	}
	s.joined = room
	return joined{LastSeq: at.LastSeq, OldestSeq: at.OldestSeq, Epoch: at.Epoch.ID, Reset: at.reset}, nil
}

// leaveRoom takes (room). Leaving a room that is not joined is not an error.
func (s *session) leaveRoom(args []json.RawMessage) error {
	var room string
	if err := decode(args, 1, arg{"room", &room}); err != nil {
		return err
	}
	if err := chat.ValidateRoom(room); err != nil {
		return err
	}
	s.conn.unfollow(room)
	return nil
}

// getMessagesSince takes (room, seq, limit?), see cursorArg.
func (s *session) getMessagesSince(ctx context.Context, args []json.RawMessage) (any, error) {
	var room string
	var seq json.RawMessage
	limit := whole(chat.DefaultPage)
	if err := decode(args, 2, arg{"room", &room}, arg{"seq", &seq}, arg{"limit", &limit}); err != nil {
		return nil, err
	}
	cursor, cursorErr := cursorArg(room, "seq", seq)
	var limitErr error
	if limit < 1 || limit > chat.MaxPage {
		limitErr = errs.Field("limit", "must be from 1 to %d, is %d", chat.MaxPage, limit)
	}
	if err := errors.Join(chat.ValidateRoom(room), cursorErr, limitErr); err != nil {
		return nil, err
	}
	p, err := s.hub.since(ctx, cursor, int(limit))
	if err == nil {
		err = s.conn.stillReads(room)
	}
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Field == "after" && !isObject(seq) {
		return nil, errs.Field("seq", "%s", e.Msg)
	}
	return p, err
}

// arg is a positional argument: its name, and a pointer to its value.
type arg struct {
	name string
	to   any
}

// decode reads positional arguments. The first required ones must be given; the others may be missing or null.
func decode(args []json.RawMessage, required int, want ...arg) error {
	if len(args) < required || len(args) > len(want) {
		expects := fmt.Sprint(required)
		if required < len(want) {
			expects = fmt.Sprintf("%d to %d", required, len(want))
		}
		return &signalr.ArgumentError{
			Msg: fmt.Sprintf("Invocation provides %d argument(s) but target expects %s.", len(args), expects),
		}
	}
	for i, raw := range args {
		if isNull(raw) && i < required {
			return errs.Field(want[i].name, "must not be null")
		}
		if err := json.Unmarshal(raw, want[i].to); err != nil {
			return errs.Field(want[i].name, "has the wrong type: %v", typeFault(err))
		}
	}
	return nil
}

// decodeObject reads an object that has no other members than those of to. Errors name it and its shape.
func decodeObject(raw json.RawMessage, to any, name, shape string) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
			return errs.Field(t.Field, "has the wrong type: %v", typeFault(err))
		}
		return errs.Field(name, "must be an object %s: %v", shape, typeFault(err))
	}
	return nil
}

// typeFault describes what is wrong with a value, without quoting the value.
func typeFault(err error) string {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		expected := t.Type.Kind().String()
		if t.Type == reflect.TypeFor[whole]() {
			expected = "whole number"
		}
		return fmt.Sprintf("a %s where a %s is expected", t.Value, expected)
	}
	return err.Error()
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }
