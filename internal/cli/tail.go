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
	"strconv"
	"time"

	"github.com/tmaxmax/go-sse"

	"restante/internal/chat"
)

type tailCmd struct {
	target `embed:""`
	After  *int64 `placeholder:"SEQ" xor:"from" help:"Begin after the message with this number; 0 begins with the oldest (default: only messages from now on)."`
	Since  string `placeholder:"TIME" xor:"from" help:"Begin with the first message stored after this time, such as 2026-01-31T09:00:00Z, or this long ago, such as 90m."`
	JSON   bool   `help:"Print each message as a line of JSON."`
}

// Help is what `restante tail --help` says below the usage line.
func (tailCmd) Help() string {
	return `Examples:

  restante tail                              what is said in the lobby from now on
  restante tail --room ops --since 24h       the last day, then what comes
  restante tail --after 0 --json | jq .msg   everything, for a program
  restante tail --after 1041 --json          on from a number that was seen before

It goes on until it is interrupted, and reconnects by itself: it remembers the number of the last message, so none is lost or shown twice. Messages that the server no longer keeps are named on standard error. Control characters in messages are shown as \x1b and the like; --json prints messages as they are.

Exit codes:
  0  interrupted, or nobody reads the output any more
  1  the server refuses to show the room
  2  the command line makes no sense`
}

// Run follows the room until ctx is done.
func (c *tailCmd) Run(ctx context.Context, s *streams) error {
	query, err := c.start()
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	defer cl.close()
	f := &follower{client: cl, json: c.JSON, out: s.out, notes: s.err}
	err = f.run(ctx, c.After, query)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// start returns the query of a page that tells where to begin; it matters only without --after.
func (c *tailCmd) start() (url.Values, error) {
	query := url.Values{"limit": {"1"}}
	if c.After != nil && *c.After < 0 {
		return nil, &exitError{exitUsage, fmt.Errorf("--after: %d is no number of a message", *c.After)}
	}
	if c.Since == "" {
		return query, nil
	}
	since, err := time.Parse(time.RFC3339Nano, c.Since)
	if err != nil {
		ago, err := time.ParseDuration(c.Since)
		if err != nil || ago < 0 {
			return nil, &exitError{exitUsage, fmt.Errorf("--since: %q is neither a time such as 2026-01-31T09:00:00Z nor a duration such as 90m", c.Since)}
		}
		since = time.Now().Add(-ago)
	}
	query.Set("since", since.UTC().Format(time.RFC3339Nano))
	return query, nil
}

// silence is how long a stream may be quiet before it counts as dead: the server writes every 15 seconds.
const silence = 45 * time.Second

// maxEvent is the longest event that is read: a message of which every byte is escaped, and room to spare.
const maxEvent = 1 << 20

// follower reads a room and prints it. Its cursor is the number of the last message that was printed.
type follower struct {
	client  *client
	json    bool
	out     io.Writer
	notes   io.Writer
	retrier *retrier
	cursor  int64
	lost    bool // the connection is, and a note has said so
}

// outputError marks an error of writing, which a new connection does not heal.
type outputError struct{ error }

func (e outputError) Unwrap() error { return e.error }

func (f *follower) run(ctx context.Context, after *int64, start url.Values) error {
	f.retrier = newRetrier(0, func(err error) {
		f.lost = true
		fmt.Fprintf(f.notes, "restante: not connected, trying again: %v\n", err)
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

// locate finds the cursor to begin with. It comes before the stream, so that a stream that breaks before its first message
// is taken up where it began.
func (f *follower) locate(ctx context.Context, start url.Values) error {
	messages, last, err := f.client.page(ctx, start)
	if err != nil {
		return err
	}
	f.cursor = last
	if start.Has("since") && len(messages) > 0 {
		f.cursor = messages[0].Seq - 1
	}
	return nil
}

// follow prints the room from the cursor on until the stream ends, which it always does with an error.
func (f *follower) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("no sign of life for %v", silence)) })
	defer watchdog.Stop()

	query := url.Values{"after": {strconv.FormatInt(f.cursor, 10)}}
	resp, err := f.client.do(ctx, http.MethodGet, "/rooms/"+f.client.room+"/events", query, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return &refusal{status: resp.StatusCode, text: fmt.Sprintf("%s answers with %q: is it the address of a restante server?", f.client.base, kind)}
	}
	f.retrier.success()
	if f.lost {
		f.lost = false
		fmt.Fprintf(f.notes, "restante: connected\n")
	}
	for event, err := range sse.Read(watched{resp.Body, watchdog}, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		if event.Type != "message" && event.Type != "" {
			continue
		}
		if err := f.show(event.Data); err != nil {
			return err
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return errors.New("the server has ended the stream")
}

// watched is a reader that tells its watchdog of every sign of life.
type watched struct {
	io.Reader
	watchdog *time.Timer
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.watchdog.Reset(silence)
	return n, err
}

// show prints one message, unless it has been printed before, and moves the cursor to it.
func (f *follower) show(data string) error {
	var m chat.Message
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	if m.Seq <= f.cursor {
		return nil
	}
	if gone := m.Seq - f.cursor - 1; gone > 0 {
		fmt.Fprintf(f.notes, "restante: the server no longer keeps %d messages, up to number %d\n", gone, m.Seq-1)
	}
	line := data
	if !f.json {
		line = fmt.Sprintf("%s %s: %s", m.SentAt.Local().Format(time.DateTime), m.ClientID, printable(m.Msg))
	}
	if _, err := fmt.Fprintln(f.out, line); err != nil {
		return outputError{fmt.Errorf("write message %d: %w", m.Seq, err)}
	}
	f.cursor = m.Seq
	return nil
}
