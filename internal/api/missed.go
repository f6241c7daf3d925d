package api

import (
	"context"
	"encoding/json"
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
	Since string   `query:"since" doc:"a time of RFC 3339, any fraction and offset: the messages stored later than it; without an offset it is in UTC and needs its seconds" example:"2026-01-02T15:04:05.123Z"`
	After seqParam `query:"after" doc:"a number instead of a time: the messages after it; the next link uses it" example:"42"`
	CursorParams
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
			"An `after` beyond the end of the room is an error; if the answer does not go on after the number, the header `Restante-Reset` says why. " +
			"With `limit`, the answer is a page, and a `Link` header with `rel=\"next\"` leads on while there is more.",
		Responses: map[string]*huma.Response{"200": {
			Description: "the messages",
			Content:     map[string]*huma.MediaType{jsonType: {Schema: &huma.Schema{Type: huma.TypeArray, Items: wireMessage{}.Schema(h.OpenAPI().Components.Schemas)}}},
			Headers: map[string]*huma.Param{
				"Link":      {Description: "with limit, while there is more: the next page, rel=\"next\"", Schema: &huma.Schema{Type: huma.TypeString}},
				epochHeader: {Description: "the id of the epoch that the numbers are of", Schema: &huma.Schema{Type: huma.TypeString}},
				resetHeader: {Description: "a Reset as JSON, if the answer does not go on after the number in after", Schema: &huma.Schema{Type: huma.TypeString}},
			},
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

// The headers of GetMissedMessages, whose body is a bare array.
const (
	epochHeader = "Restante-Epoch"
	resetHeader = "Restante-Reset"
)

// missedAnswer is an answer whose first page has been read.
type missedAnswer struct {
	logPage
	until int64  // the last number to send: later messages are not missed but new. 0: only the first page is sent
	next  string // for Link
}

func (a *API) missed(ctx context.Context, in *missedInput) (*missedAnswer, error) {
	q, err := in.wanted()
	if err != nil {
		return nil, err
	}
	out := &missedAnswer{}
	if out.logPage, err = a.readPage(ctx, q); err != nil {
		return nil, err
	}
	if in.Limit == 0 {
		out.until = out.room.LastSeq
		if n := len(out.messages); n > 0 && out.messages[n-1].Seq < out.until { // the next pages may be larger
			return out, a.holdAnswer(ctx, chat.MaxPageBytes)
		}
		return out, nil
	}
	if n := len(out.messages); n > 0 && out.messages[n-1].Seq < out.room.LastSeq {
		q := url.Values{
			"after": {strconv.FormatInt(out.messages[n-1].Seq, 10)}, "epoch": {out.room.Epoch.ID},
			"room": {q.room}, "limit": {strconv.Itoa(q.limit)},
		}
		out.next = route.GetMissedMessages.Path() + "?" + q.Encode()
	}
	return out, nil
}

func (in *missedInput) wanted() (*wanted, error) {
	q := &wanted{room: in.Room, after: in.After, epoch: in.Epoch, limit: int(in.Limit)}
	if q.room == "" {
		q.room = chat.DefaultRoom
	}
	if q.limit == 0 {
		q.limit = chat.MaxPage
	}
	named := map[string]bool{"since": in.Since != "", "after": in.After.Set}
	var sinceErr error
	if q.since, sinceErr = optionalTime("since", in.Since); in.Since == "" && !in.After.Set {
		sinceErr = errs.Field("since", "is required")
	}
	return q, errors.Join(chat.ValidateRoom(q.room), exclusive(named), in.check(in.After.Set, in.After.Set), sinceErr)
}

// send writes the array, page by page. A failure in the middle ends the connection, as the expiry of the token does.
func (out *missedAnswer) send(ctx context.Context, a *API, w http.ResponseWriter) {
	ctx, cancel := auth.UntilExpiry(ctx)
	defer cancel()
	out.setHeaders(w.Header())
	s := arrayStream{w: w, rc: http.NewResponseController(w), buf: []byte{'['}}
	s.until, _ = ctx.Deadline()
	for page := out.messages; len(page) > 0; {
		for i := range page {
			s.add(&page[i])
		}
		last := page[len(page)-1].Seq
		if last >= out.until || s.err != nil {
			break
		}
		var err error
		if page, err = a.readOn(ctx, out.room.Name, out.room.Epoch.ID, last); err != nil {
			if ctx.Err() == nil { // otherwise the reader has disconnected, or its token has expired
				a.logFailure(newProblem(statusOf(classOf(err)), "", ""), &failure{err: fmt.Errorf("read on in the middle of an answer: %w", err)})
			}
			panic(http.ErrAbortHandler)
		}
	}
	s.end()
}

func (out *missedAnswer) setHeaders(h http.Header) {
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store, no-transform") // it is sent as it is read; a proxy that compresses would hold it back
	h.Set(epochHeader, out.room.Epoch.ID)
	if out.reset != nil {
		b, _ := json.Marshal(out.reset) // texts of ASCII and integers always encode
		h.Set(resetHeader, string(b))
	}
	if out.next != "" {
		h.Set("Link", fmt.Sprintf("<%s>; rel=\"next\"", out.next))
	}
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
