package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/route"
)

type missedInput struct {
	Since string     `query:"since" doc:"a time of RFC 3339, any fraction and offset: the messages stored later than it" example:"2026-01-02T15:04:05.123Z"`
	After seqParam   `query:"after" doc:"a number instead of a time: the messages after it; the next link uses it" example:"42"`
	Room  string     `query:"room" doc:"default lobby" example:"lobby"`
	Limit limitParam `query:"limit" doc:"one page of so many messages instead of all" example:"100"`
}

func (a *API) getMissedMessages(h huma.API) {
	register(h, route.GetMissedMessages, huma.Operation{
		Tags:    []string{tagShort},
		Summary: "Read what was missed",
		Description: "All messages that were stored later than `since`, oldest first, in one array that is sent as it is read. " +
			"A `since` taken from the `stored_at` of a message is exact; one that was cut to milliseconds repeats messages and skips none. " +
			"An answer that cannot be completed, or whose token expires before its end, breaks off with the connection, so it is never taken for a whole one. " +
			"With `limit`, the answer is a page, and a `Link` header with `rel=\"next\"` leads on while there is more.",
		Responses: map[string]*huma.Response{"200": {
			Description: "the messages",
			Content:     map[string]*huma.MediaType{jsonType: {Schema: &huma.Schema{Type: huma.TypeArray, Items: wireMessage{}.Schema(h.OpenAPI().Components.Schemas)}}},
			Headers:     map[string]*huma.Param{"Link": {Description: "with limit, while there is more: the next page, rel=\"next\"", Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, readErrors, func(ctx context.Context, in *missedInput) (*huma.StreamResponse, error) {
		out, err := a.missed(ctx, in)
		if err != nil {
			return nil, failed(err)
		}
		return &huma.StreamResponse{Body: func(h huma.Context) {
			r, w := humago.Unwrap(h)
			out.send(r.Context(), a, w)
		}}, nil
	})
}

// missedAnswer is an answer whose first page has been read.
type missedAnswer struct {
	room  string
	page  []chat.Message
	until int64  // the last number to send: later messages are not missed but new
	next  string // for Link
}

func (a *API) missed(ctx context.Context, in *missedInput) (*missedAnswer, error) {
	out := &missedAnswer{room: in.Room}
	if out.room == "" {
		out.room = chat.DefaultRoom
	}
	err := errors.Join(chat.ValidateRoom(out.room), exclusive(map[string]bool{"since": in.Since != "", "after": in.After.Set}))
	if in.Since == "" && !in.After.Set {
		err = errors.Join(err, errs.Field("since", "is required"))
	}
	if err != nil {
		return nil, err
	}
	after, err := a.cursor(ctx, out.room, in.After, in.Since)
	if err != nil {
		return nil, err
	}
	limit := int(in.Limit)
	if limit == 0 {
		limit = chat.MaxPage
	}
	var more bool
	if out.page, more, err = a.pageAfter(ctx, out.room, after, limit); err != nil || !more {
		return out, err
	}
	room, err := a.cfg.Rooms.Room(ctx, out.room)
	if err != nil {
		return nil, err
	}
	last := out.page[len(out.page)-1].Seq
	if in.Limit == 0 {
		out.until = room.LastSeq
	} else if last < room.LastSeq {
		q := url.Values{"after": {strconv.FormatInt(last, 10)}, "room": {out.room}, "limit": {strconv.Itoa(limit)}}
		out.next = route.GetMissedMessages.Path() + "?" + q.Encode()
	}
	return out, nil
}

// cursor returns the number after which to read: after if it is set, otherwise the number for the time since.
func (a *API) cursor(ctx context.Context, room string, after seqParam, since string) (int64, error) {
	if since == "" {
		return after.Value, nil
	}
	t, err := parseTime("since", since)
	if err != nil {
		return 0, err
	}
	return a.cfg.History.SeqAt(ctx, room, t)
}

// pageAfter reads a page forward, limited in messages and in bytes. more says that others may follow it.
func (a *API) pageAfter(ctx context.Context, room string, after int64, limit int) (page []chat.Message, more bool, err error) {
	list, err := a.cfg.History.After(ctx, room, after, limit)
	page = chat.FirstPage(list)
	return page, len(list) == limit || len(page) < len(list), err
}

// send writes the array, page by page. A failure in the middle ends the connection, as the expiry of the token does.
func (out *missedAnswer) send(ctx context.Context, a *API, w http.ResponseWriter) {
	ctx, cancel := auth.UntilExpiry(ctx)
	defer cancel()
	w.Header().Set("Content-Type", jsonType)
	if out.next != "" {
		w.Header().Set("Link", fmt.Sprintf("<%s>; rel=\"next\"", out.next))
	}
	s := arrayStream{w: w, rc: http.NewResponseController(w), buf: []byte{'['}}
	s.until, _ = ctx.Deadline()
	page := out.page
	for {
		for i := range page {
			s.add(&page[i])
		}
		if len(page) == 0 || page[len(page)-1].Seq >= out.until || s.err != nil {
			break
		}
		var err error
		if page, _, err = a.pageAfter(ctx, out.room, page[len(page)-1].Seq, chat.MaxPage); err != nil {
			if ctx.Err() == nil { // otherwise the reader has disconnected, or its token has expired
				a.logFailure(newProblem(statusOf(classOf(err)), "", ""), &failure{err: fmt.Errorf("read on in the middle of an answer: %w", err)})
			}
			panic(http.ErrAbortHandler)
		}
	}
	s.end()
}

// arrayStream writes messages as a JSON array, in pieces, each within a time limit.
type arrayStream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	until time.Time // when all of it ends; zero: never
	buf   []byte
	some  bool // a message has been added
	err   error
}

const piece = 64 << 10 // bytes to collect before a write

func (s *arrayStream) add(m *chat.Message) {
	if s.some {
		s.buf = append(s.buf, ",\n"...)
	}
	s.some = true
	s.buf = m.AppendJSON(s.buf)
	if len(s.buf) >= piece {
		s.flush()
	}
}

func (s *arrayStream) flush() {
	deadline := time.Now().Add(stallTimeout)
	if !s.until.IsZero() && s.until.Before(deadline) {
		deadline = s.until // a slow reader must not go on reading after its token has expired
	}
	_ = s.rc.SetWriteDeadline(deadline) // a recorder in tests has none
	if s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// end closes the array. Only a complete answer has this end.
func (s *arrayStream) end() {
	s.buf = append(s.buf, "]\n"...)
	s.flush()
}
