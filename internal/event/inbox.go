package event

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/errs"
)

// MaxBody is the longest body of an inbox message, in bytes: more than a message of chat.MaxMsgBytes has when every byte is
// written as a \u escape. The HTTP API has the same limit.
const MaxBody = 256 << 10

// Namespace is the namespace of the ids that are derived from names which are no UUIDs, see deriveID. It is part of the
// interface: a producer may compute the ids of its messages.
const Namespace = "a8370f8a-a47d-4503-8199-0ce4a2f8b102"

// DecodeInbox returns the message that another service sends to be accepted. It reads three forms: plain JSON, and
// CloudEvents in binary or in structured mode. Room is the routing key. If it is empty, the room is that of the body, or
// the default. The id of the result may be empty: then Accept makes one. Errors are of class errs.Invalid and say what is
// wrong; such a message cannot be accepted later either.
func DecodeInbox(w Wire, room string) (chat.Message, error) {
	if len(w.Body) > MaxBody {
		return chat.Message{}, errs.Field("body", "must be at most %d bytes long, is %d", MaxBody, len(w.Body))
	}
	f, err := readForm(w)
	if err != nil {
		return chat.Message{}, err
	}
	if f.Room, err = oneOf("room", room, f.Room); err != nil {
		return chat.Message{}, err
	}
	m := chat.Message{ID: f.ID, Room: f.Room, ClientID: f.ClientID, Msg: f.Msg}
	return m, validate(&m)
}

// fields are what a producer gives. A field that it does not give is empty.
type fields struct {
	Msg      string `json:"msg"`
	ClientID string `json:"client_id"`
	Room     string `json:"room"`
	ID       string `json:"id"`
}

// readForm finds out which of the three forms w has, and reads it.
func readForm(w Wire) (fields, error) {
	mediaType, err := readMediaType(w.ContentType)
	switch {
	case err != nil:
		return fields{}, err
	case mediaType == "application/cloudevents+json":
		return readStructured(w.Body)
	case strings.HasPrefix(mediaType, "application/cloudevents"):
		return fields{}, errs.Field("content_type", "must be application/cloudevents+json for a CloudEvent in structured mode, one event a message; is %.100q", mediaType)
	}
	if attributes := headerAttributes(w.Headers); len(attributes) > 0 {
		return readEvent(attributes, mediaType, w.Body)
	}
	if !isJSON(mediaType) {
		return fields{}, errs.Field("content_type", "must be application/json, or the message a CloudEvent; is %.100q", mediaType)
	}
	f, err := readObject(w.Body)
	if err == nil && f.ID == "" && w.ID != "" {
		f.ID = deriveID("", w.ID)
	}
	return f, err
}

// readMediaType returns the media type without its parameters. Text must be UTF-8.
func readMediaType(contentType string) (string, error) {
	if contentType == "" || contentType == jsonType {
		return contentType, nil
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", errs.Field("content_type", "must be a media type such as application/json, is %.100q", contentType)
	}
	if charset := strings.ToLower(params["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return "", errs.Field("content_type", "must be in UTF-8, is in %.100q", charset)
	}
	return mediaType, nil
}

// isJSON reports whether a media type is JSON. An absent one counts as JSON: many AMQP producers do not set one.
func isJSON(mediaType string) bool {
	return mediaType == "" || mediaType == jsonType || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}

// readObject reads {msg, client_id, room?, id?}: each field once, no others.
func readObject(body []byte) (fields, error) {
	var f fields
	if err := json.Unmarshal(body, &f, json.RejectUnknownMembers(true)); err != nil {
		return fields{}, jsonError("body", err)
	}
	return f, nil
}

// jsonError says what is wrong with a JSON text, without its text.
func jsonError(field string, err error) error {
	const want = "must be a JSON object such as {\"msg\":\"hello\",\"client_id\":\"ann\"}"
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		at := semantic.JSONPointer.LastToken()
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return errs.Field(field, "has a field that is not known, %.100q; %s", at, want)
		case at != "":
			return errs.Field(field, "the field %.100q must be a text", at)
		}
		return errs.Field(field, want)
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return errs.Field(field, "has the field %.100q more than once", syntactic.JSONPointer.LastToken())
		}
		return errs.Field(field, "is not valid JSON in UTF-8, at byte %d; it %s", syntactic.ByteOffset, want)
	}
	return errs.Wrap(errs.Invalid, err, "the %s %s", field, want)
}

// readStructured reads an event that is one JSON object: its attributes, and its data as "data" or "data_base64".
func readStructured(body []byte) (fields, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil {
		return fields{}, jsonError("body", err)
	}
	data, hasData := members["data"]
	encoded, hasEncoded := members["data_base64"]
	if hasData && hasEncoded {
		return fields{}, errs.Field("data", "is given twice: as data and as data_base64")
	}
	delete(members, "data")
	delete(members, "data_base64")
	attributes, err := memberAttributes(members)
	if err != nil {
		return fields{}, err
	}
	mediaType, err := readMediaType(attributes["datacontenttype"])
	if err != nil {
		return fields{}, err
	}
	switch {
	case hasEncoded:
		var content []byte
		if err := json.Unmarshal(encoded, &content); err != nil {
			return fields{}, errs.Field("data_base64", "must be a text in Base64")
		}
		data = content
	case mediaType == "text/plain":
		var content string
		if err := json.Unmarshal(data, &content); err != nil {
			return fields{}, errs.Field("data", "must be a text, as datacontenttype says")
		}
		data = []byte(content)
	}
	return readEvent(attributes, mediaType, data)
}

// readEvent makes a message of an event's attributes and data.
func readEvent(attributes map[string]string, mediaType string, data []byte) (f fields, err error) {
	if err := checkAttributes(attributes); err != nil {
		return f, err
	}
	switch {
	case mediaType == "text/plain":
		if !utf8.Valid(data) {
			return f, errs.Field("data", "must be valid UTF-8")
		}
		f.Msg = string(data)
	case isJSON(mediaType):
		if len(bytes.TrimSpace(data)) == 0 {
			return f, errs.Field("data", "is missing")
		}
		if f, err = readObject(data); err != nil {
			return fields{}, err
		}
	default:
		return f, errs.Field("datacontenttype", "must be application/json or text/plain, is %.100q", mediaType)
	}
	if f.Room, err = oneOf("room", attributes["room"], f.Room); err != nil {
		return fields{}, err
	}
	if f.ClientID, err = oneOf("client_id", chat.TrimName(attributes["clientid"]), chat.TrimName(f.ClientID)); err != nil {
		return fields{}, err
	}
	if f.ID == "" {
		f.ID = deriveID(attributes["source"], attributes["id"])
	}
	return f, nil
}

// oneOf returns the one value that a and b give. Either may be empty; if neither is they must be the same.
func oneOf(name, a, b string) (string, error) {
	if a != "" && b != "" && a != b {
		return "", errs.Field(name, "is given twice and differs: %.200q and %.200q", a, b)
	}
	return cmp.Or(a, b), nil
}

// deriveID returns the id of a message whose producer calls it by name: the name itself if it is a UUID, otherwise the
// UUID of version 5 of "SOURCE NAME", so that the same event has the same id whenever it comes again.
func deriveID(source, name string) string {
	if id, err := chat.ParseID(name); err == nil {
		return id
	}
	return uuid.NewSHA1(uuid.MustParse(Namespace), []byte(source+" "+name)).String()
}

// validate checks what Accept checks, so that every fault of a message is known here. A message without an id is valid:
// Accept gives it one.
func validate(m *chat.Message) error {
	if id, err := chat.ParseID(m.ID); err == nil {
		m.ID = id
	}
	if m.Room == "" {
		m.Room = chat.DefaultRoom
	}
	m.ClientID = chat.TrimName(m.ClientID)
	complete := *m
	if complete.ID == "" {
		complete.ID = Namespace
	}
	if err := complete.Validate(); err != nil {
		return fmt.Errorf("inbox message: %w", err)
	}
	return nil
}
