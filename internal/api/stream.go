package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/route"
)

const lastEventID = "Last-Event-ID"

type streamInput struct {
	Room  string   `path:"room" example:"lobby"`
	After seqParam `query:"after" doc:"begin with the messages after this number; without it, with those yet to come" example:"42"`
	CursorParams
	Resume      string `query:"lastEventId" doc:"the same as the header Last-Event-ID, for packages that cannot set headers; also read as lastEventID, Last-Event-ID and evs_last_event_id, and the last one counts; goes before after, rev and epoch" example:"57"`
	LastEventID string `header:"Last-Event-ID" doc:"what an EventSource sends when it comes back: the id of its last event, SEQ[.REV][;EPOCH]; of several the last one counts; goes before lastEventId, after, rev and epoch" example:"57"`
}

func (a *API) streamRoom(h huma.API) {
	register(h, route.StreamRoom, huma.Operation{
		Tags:    []string{tagRooms},
		Summary: "Follow a room",
		Description: "Server-sent events, for any EventSource: `event` is `message`, `data` the message as JSON, and `id` is opaque: send it back as `Last-Event-ID`, or as `lastEventId` in the query, to go on. " +
			"(It is the message's number, and after the store has gone back for the first time also the epoch.) " +
			"An event `reset`, whose `data` is a Reset and whose `id` is where the stream goes on, comes before the messages if they do not follow the cursor, because it is of another epoch or what follows it is not kept any more. " +
			"A cursor beyond the end of the room is an error. " +
			"First the history after the cursor, then what comes, in one stream without a hole. A comment line keeps a quiet stream alive. " +
			"An EventSource sets no headers: here, the token may stand in the query, as `access_token`. The stream ends when the token does.",
		Security: []map[string][]string{{schemeBearer: {}}, {schemeQuery: {}}},
		Responses: map[string]*huma.Response{"200": {
			Description: "the events; the stream ends with the connection, or with the token",
			Content: map[string]*huma.MediaType{"text/event-stream": {
				Schema:  &huma.Schema{Type: huma.TypeString},
				Example: "id: 43\nevent: message\ndata: {\"id\":\"0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f\",\"room\":\"lobby\",\"seq\":43,\"client_id\":\"ann\",\"msg\":\"hello\"}\n\n",
			}},
		}},
	}, readErrors, func(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
		start, err := in.start()
		if err := errors.Join(chat.ValidateRoom(in.Room), err); err != nil {
			return nil, failed(err)
		}
		if err := auth.Require(ctx, in.Room); err != nil { // Follow checks it too, but HEAD does not call it
			return nil, failed(err)
		}
		return &huma.StreamResponse{Body: func(h huma.Context) {
			r, w := humago.Unwrap(h)
			a.stream(r, w, start)
		}}, nil
	})
}

// streamStart is where a stream begins, and the parameter that said so.
type streamStart struct {
	chat.Cursor
	from string
}

// start returns where the stream begins. What a package adds when it comes back takes precedence over what the page has written
// into the URL, which is repeated every time: first the header, then lastEventId, then after. A fault in any of them is an error.
func (in *streamInput) start() (s streamStart, err error) {
	s = streamStart{chat.Cursor{Seq: chat.Now}, "after"}
	if in.After.Set {
		s.Cursor = chat.Cursor{Seq: in.After.Value, Epoch: in.Epoch}
	}
	faults := []error{in.check(in.After.Set, in.After.Set)}
	for _, id := range []struct{ from, text string }{{chat.ResumeParam, in.Resume}, {lastEventID, in.LastEventID}} {
		if id.text == "" {
			continue
		}
		cursor, err := chat.ParseEventID(id.from, id.text)
		s, faults = streamStart{cursor, id.from}, append(faults, err)
	}
	s.Room = in.Room
	return s, errors.Join(faults...)
}

// lastOf returns the last element of a header that is a list: packages append what they add to what the page has set. sent is
// whether there is such a header.
func lastOf(h http.Header, name string) (value string, sent bool) {
	values := h.Values(name)
	if len(values) == 0 {
		return "", false
	}
	list := values[len(values)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:]), true
}

func (a *API) stream(r *http.Request, w http.ResponseWriter, start streamStart) {
	events := &eventWriter{w: w, rc: http.NewResponseController(w)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // proxies forward each event at once
	if r.Method == http.MethodHead {
		return
	}
	_ = events.rc.SetReadDeadline(time.Time{}) // a stream lasts longer than other requests; a recorder in tests has no deadline
	ctx, cancel := auth.UntilExpiry(r.Context())
	defer cancel()
	start.Room, start.Epoch = strings.Clone(start.Room), strings.Clone(start.Epoch) // they were parts of the line of the request
	a.cfg.Forget(r)
	err := a.cfg.Follow(ctx, start.Cursor, events)
	if err == nil || ctx.Err() != nil || events.err != nil {
		return // the reader has disconnected, its token has expired, or the server stops
	}
	a.refuse(w, nameField(start.from, err)) // does nothing if the stream has begun: its reader reconnects
}

// eventWriter keeps the first error of a write: such an end of the stream is not the server's fault.
type eventWriter struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	err error // of the first write that failed
}

// Write implements StreamWriter.
func (e *eventWriter) Write(p []byte) (int, error) {
	n, err := e.w.Write(p)
	e.keep(err)
	return n, err
}

// Flush implements StreamWriter.
func (e *eventWriter) Flush() error {
	err := e.rc.Flush()
	e.keep(err)
	return err
}

// SetWriteDeadline implements StreamWriter.
func (e *eventWriter) SetWriteDeadline(deadline time.Time) error {
	return e.rc.SetWriteDeadline(deadline)
}

func (e *eventWriter) keep(err error) {
	if e.err == nil {
		e.err = err
	}
}
