package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/tmaxmax/go-sse"

	"restante/internal/chat"
	"restante/internal/timetext"
)

type tailCmd struct {
	target `embed:""`
	After  *string `placeholder:"SEQ[;EPOCH]" xor:"from" help:"Begin after the message with this number; 0 begins with the oldest one (default: only new messages). An epoch says which log the number is of."`
	Since  *string `placeholder:"TIME" xor:"from" help:"Begin with the first message that was stored after this time, such as 2026-01-31T09:00:00Z, or 2026-01-31T09:00 or 09:00 by the clock of this machine, or this long ago, such as 90m, 2d or 1w."`
	JSON   bool    `help:"Print each message as a line of JSON."`
}

// Help is the text of `restante tail --help` below the usage line.
func (tailCmd) Help() string {
	return `Examples:

  restante tail                              new messages of the lobby
  restante tail --room ops --since 1d        messages of the last 24 hours, then new ones
  restante tail --since 09:00                messages since it was nine o'clock here
  restante tail --after 0 --json | jq .msg   all messages, for a program
  restante tail --after 1041 --json          messages after number 1041

It runs until it is interrupted, and reconnects by itself: it remembers the last event, so that it neither loses a message nor shows one twice. If the server no longer keeps some messages, standard error says which. If the server has gone back to an earlier state, such as that of a backup, standard error says which of the messages that were shown are not in it, and what follows them now is shown. Control characters in messages and names, and those that turn the direction of text, are printed as \x1b and the like; --json prints messages unchanged.

A time without a zone is in the zone of this machine. A time of the day is the last time that it was that time. A leap second is read as the second before it.

Exit codes:
  0  interrupted, or the output was closed
  1  the server refuses to show the room
  2  the command line is wrong`
}

// Run follows the room until ctx ends.
func (c *tailCmd) Run(ctx context.Context, s *streams) error {
	after, query, err := c.start()
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	defer cl.close()
	f := &follower{client: cl, json: c.JSON, out: s.out, notes: s.err}
	err = f.run(ctx, after, query)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// start returns the first cursor, or with nil the query of the page that gives it.
func (c *tailCmd) start() (after *chat.Cursor, query url.Values, err error) {
	if c.After != nil {
		cursor, err := chat.ParseEventID("--after", *c.After)
		if err != nil {
			return nil, nil, &exitError{exitUsage, err}
		}
		return &cursor, nil, nil
	}
	query = url.Values{"limit": {"1"}}
	if c.Since == nil {
		return nil, query, nil
	}
	since, err := timetext.ParseLocal(*c.Since, time.Now())
	if err != nil {
		if !aTime.MatchString(*c.Since) {
			err = errors.New("is neither a time such as 2026-01-31T09:00:00Z, 2026-01-31T09:00 or 09:00, nor a duration such as 90m, 2d or 1w")
		}
		return nil, nil, &exitError{exitUsage, fmt.Errorf("--since: %w", err)}
	}
	query.Set("since", since.Format(time.RFC3339Nano))
	return nil, query, nil
}

// aTime matches what was meant as a time or a duration, so that an error may show it.
var aTime = regexp.MustCompile(`^[-+]?[0-9][-+.:0-9 TZtzdhmnsuwµ]{0,40}$`)

// silence is how long a stream may be silent before it counts as broken. The server writes every 15 seconds.
const silence = 45 * time.Second

// maxEvent is the longest event that is read. It is larger than a message of which every byte is escaped.
const maxEvent = 1 << 20

// follower reads a room and prints it. Its cursor is the last message that was printed, or where a reset has put it.
type follower struct {
	client  *client
	json    bool
	out     io.Writer
	notes   io.Writer
	retrier *retrier
	cursor  chat.Cursor
	event   string // the id of the last event, as the server wrote it; "" before the first one
	lost    bool   // the connection is lost, and a note was printed
}

// outputError marks an error of writing the output, which a new connection does not fix.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

func (f *follower) run(ctx context.Context, after *chat.Cursor, start url.Values) error {
	f.retrier = newRetrier(0, func(err error) {
		f.lost = true
		fmt.Fprintf(f.notes, "restante: not connected, trying again: %s\n", printable(err.Error()))
	})
	located := after != nil
	if located {
		f.cursor = *after
	}
	for {
		var err error
		if !located {
			err = f.locate(ctx, start)
			located = err == nil
		}
		if located {
			err = f.follow(ctx)
		}
		if e, ok := errors.AsType[outputError](err); ok {
			return e.error
		}
		if err := f.retrier.wait(ctx, err); err != nil {
			return err
		}
	}
}

// locate finds the first cursor. It is called before the stream is opened, so that a stream that breaks before its
// first message is resumed from the same cursor.
func (f *follower) locate(ctx context.Context, start url.Values) error {
	p, err := f.client.page(ctx, start)
	if err != nil {
		return err
	}
	f.cursor = chat.Cursor{Seq: p.LastSeq, Epoch: p.Epoch}
	if start.Has("since") && len(p.Messages) > 0 {
		f.cursor.Seq = p.Messages[0].Seq - 1
	}
	return nil
}

// follow prints the room's messages from the cursor on until the stream ends, and always returns an error.
func (f *follower) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("no sign of life for %v", silence)) })
	defer watchdog.Stop()

	resp, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f.retrier.success()
	if f.lost {
		f.lost = false
		fmt.Fprintf(f.notes, "restante: connected\n")
	}
	for event, err := range sse.Read(watched{resp.Body, watchdog}, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err == nil {
			err = f.take(event)
		} else if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.New("the server has ended the stream")
}

// open opens the stream at the cursor.
func (f *follower) open(ctx context.Context) (*http.Response, error) {
	query := url.Values{"after": {strconv.FormatInt(f.cursor.Seq, 10)}}
	if f.cursor.Epoch != "" {
		query.Set("epoch", f.cursor.Epoch)
	}
	req, err := f.client.request(ctx, http.MethodGet, "/rooms/"+f.client.room+"/events", query, nil)
	if err != nil {
		return nil, err
	}
	if f.event != "" {
		req.Header.Set("Last-Event-ID", f.event) // it goes before the query
	}
	resp, err := f.client.answer(req)
	if err != nil {
		return nil, err
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		resp.Body.Close()
		return nil, &refusal{status: resp.StatusCode, text: fmt.Sprintf("%s answers with %q: is it the address of a restante server?", f.client.base, kind)}
	}
	return resp, nil
}

// watched is a reader that resets its watchdog at each read.
type watched struct {
	io.Reader
	watchdog *time.Timer
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.watchdog.Reset(silence)
	return n, err
}

// take handles one event. Events of other types are for later versions of this program.
func (f *follower) take(event sse.Event) error {
	var err error
	switch event.Type {
	case "message", "":
		err = f.show(event.Data)
	case "reset":
		err = f.reset(event.Data)
	}
	if err == nil {
		f.event = event.LastEventID
	}
	return err
}

// show prints one message, unless it was printed before, and moves the cursor to it.
func (f *follower) show(data string) error {
	var m chat.Message
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	if m.Seq <= f.cursor.Seq {
		return nil
	}
	if missing := m.Seq - f.cursor.Seq - 1; missing > 0 {
		fmt.Fprintf(f.notes, "restante: the server no longer keeps %d messages, up to number %d\n", missing, m.Seq-1)
	}
	line := data
	if !f.json {
		line = fmt.Sprintf("%s %s: %s", m.SentAt.Local().Format(time.DateTime), printable(m.ClientID), printable(m.Msg))
	}
	if _, err := fmt.Fprintln(f.out, line); err != nil {
		return outputError{fmt.Errorf("write message %d: %w", m.Seq, err)}
	}
	f.cursor.Seq = m.Seq
	return nil
}

// reset says that the stream does not go on at the cursor, and moves the cursor to where it does.
func (f *follower) reset(data string) error {
	var r chat.Reset
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		return fmt.Errorf("read a reset: %w", err)
	}
	switch r.Reason {
	case chat.ReasonFloor:
		fmt.Fprintf(f.notes, "restante: the server no longer keeps the messages from number %d to %d\n", r.FromSeq, r.After)
	case chat.ReasonEpoch:
		fmt.Fprintf(f.notes, "restante: the server has another log than before (epoch %s): what you have of the room after number %d is not in it; what follows number %d there comes now\n",
			printable(r.Epoch), r.After, r.After)
	default:
		fmt.Fprintf(f.notes, "restante: the server goes on after number %d (%s)\n", r.After, printable(string(r.Reason)))
	}
	f.cursor = chat.Cursor{Seq: r.After, Epoch: r.Epoch}
	return nil
}
