package hub

import (
	"bytes"
	"encoding/json"
	"net/url"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
)

// cursorArg reads the argument name of a hub method that is a cursor in a room: the number of a message, or an object that also
// names the epoch of that number. If it is missing or null the cursor is Now.
func cursorArg(room, name string, raw json.RawMessage) (chat.Cursor, error) {
	c := chat.Cursor{Room: room, Seq: Now}
	if len(raw) == 0 || isNull(raw) {
		return c, nil
	}
	if isObject(raw) {
		var in struct {
			After *whole  `json:"after"`
			Rev   *whole  `json:"rev"`
			Epoch *string `json:"epoch"`
		}
		if err := decodeObject(raw, &in, name, "{after, rev?, epoch?}"); err != nil {
			return c, err
		}
		switch {
		case in.After == nil:
			return c, errs.Field("after", "is missing")
		case in.Rev != nil && *in.Rev < 0:
			return c, errs.Field("rev", "must be the number of a change, or 0, is %d", *in.Rev)
		case in.Epoch != nil && !chat.IsEpoch(*in.Epoch):
			return c, errs.Field("epoch", "must be the id of an epoch")
		case in.Epoch != nil:
			c.Epoch = *in.Epoch
		}
		name, c.Seq = "after", int64(*in.After)
	} else if err := json.Unmarshal(raw, (*whole)(&c.Seq)); err != nil {
		return c, errs.Field(name, "has the wrong type: %v", typeFault(err))
	}
	if c.Seq < 0 {
		return c, errs.Field(name, "must be the number of a message, or 0, is %d", c.Seq)
	}
	return c, nil
}

func isObject(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) }

// noRoom in the hub URL asks for no room, like an empty name, which some clients drop from the URL. No room has this name.
const noRoom = "-"

// cursorsOf returns the cursors of the rooms that a client's hub URL names.
func cursorsOf(query url.Values, client *auth.Client) ([]chat.Cursor, error) {
	rooms := query["room"]
	switch {
	case len(rooms) == 0 && client.CanRead(chat.DefaultRoom) == nil:
		rooms = []string{chat.DefaultRoom}
	case len(rooms) == 1 && (rooms[0] == "" || rooms[0] == noRoom):
		rooms = nil
	}
	for _, name := range []string{"after", "rev", "epoch"} {
		if n := len(query[name]); n > len(rooms) {
			return nil, errs.Field(name, "is given %d times for %d rooms", n, len(rooms))
		}
	}
	cursors := make([]chat.Cursor, len(rooms))
	for i, room := range rooms {
		var err error
		if cursors[i], err = cursorAt(query, room, i); err != nil {
			return nil, err
		}
	}
	return cursors, nil
}

// cursorAt returns the cursor of the ith room of a hub URL that checkQuery has seen. An empty rev or epoch, which keeps the place of
// a room that has none, counts as missing.
func cursorAt(query url.Values, room string, i int) (c chat.Cursor, err error) {
	nth := func(name string) string {
		if values := query[name]; i < len(values) {
			return values[i]
		}
		return ""
	}
	c = chat.Cursor{Room: room, Seq: Now, Epoch: nth("epoch")}
	if c.Epoch != "" && !chat.IsEpoch(c.Epoch) {
		return c, errs.Field("epoch", "must be the id of an epoch")
	}
	if rev := nth("rev"); rev != "" {
		if _, err := chat.ParseSeq("rev", chat.Whole(rev)); err != nil {
			return c, err
		}
	}
	switch {
	case i < len(query["after"]):
		c.Seq, err = chat.ParseSeq("after", chat.Whole(nth("after")))
	case c.Epoch != "":
		err = errs.Field("epoch", "needs the after of its room")
	case nth("rev") != "":
		err = errs.Field("rev", "needs the after of its room")
	}
	return c, err
}
