package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"restante/internal/audit"
	"restante/internal/broker/rabbitmq/deadletter"
)

type deadListCmd struct {
	brokerAddress `embed:""`
	Limit         int  `short:"n" default:"100" placeholder:"COUNT" help:"Largest number of letters to list, the oldest first (default ${default})."`
	JSON          bool `help:"Print each letter as a line of JSON."`
}

// Help is the text of `restante dead list --help` below the usage line.
func (deadListCmd) Help() string {
	return `Examples:

  restante dead list --broker amqp://restante:secret@rabbit/chat
  restante dead list --limit 1000 --json | jq -r 'select(.room == "ops") | .id' | xargs restante dead replay

A message becomes a dead letter when it can never be stored as it is. The list shows the reason. The other messages of its room are not affected. The list does not show the texts of messages: use 'restante dead show'. Listing removes nothing. If there are more letters than listed, standard error says so.` + deadCodes
}

// Run lists letters.
func (c *deadListCmd) Run(ctx context.Context, s *streams) error {
	if c.Limit < 1 {
		return &exitError{exitUsage, fmt.Errorf("--limit: %d is not a number of letters to list", c.Limit)}
	}
	return withLetters(ctx, &c.brokerAddress, func(d *deadletter.Queue) error {
		letters, total, err := d.List(ctx, c.Limit)
		if err != nil {
			return err
		}
		if c.JSON {
			err = printLines(s.out, letters)
		} else {
			err = printTable(s.out, letters)
		}
		switch {
		case total == 0:
			fmt.Fprintln(s.err, "restante: there are no dead letters")
		case total > len(letters):
			fmt.Fprintf(s.err, "restante: these are %d of %d dead letters; --limit %d shows more\n", len(letters), total, total)
		}
		return err
	})
}

func printLines[T any](out io.Writer, list []T) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, l := range list {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

func printTable(out io.Writer, letters []deadletter.Letter) error {
	if len(letters) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tDIED\tFROM\tROOM\tCLIENT\tREPLAYS\tBYTES\tREASON")
	for _, l := range letters {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", printable(l.ID), localTime(l.DiedAt), orDash(l.From), orDash(l.Room),
			orDash(l.ClientID), l.Replays, l.Size, orDash(l.Reason))
	}
	return table.Flush()
}

func localTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return printableBytes([]byte(text))
}

type deadShowCmd struct {
	brokerAddress `embed:""`
	JSON          bool     `help:"Print each letter as a line of JSON. The body is \"body\" or, if it is not text, \"body_base64\"."`
	IDs           []string `arg:"" name:"id" help:"Ids of letters, or of the messages in them."`
	auditFlag     `embed:""`
}

// Help is the text of `restante dead show --help` below the usage line.
func (deadShowCmd) Help() string {
	return `Examples:

  restante dead show 01a2050d-d456-7a4a-970a-265bf9ff262a
  restante dead show --json 01a2050d-d456-7a4a-970a-265bf9ff262a | jq -r .body

It shows the texts of messages. It prints control characters in them as \x1b and the like.` + deadCodes
}

// Run shows letters.
func (c *deadShowCmd) Run(ctx context.Context, s *streams) error {
	return withLetters(ctx, &c.brokerAddress, func(d *deadletter.Queue) error {
		event := audit.Event{What: audit.DeadLetter, Action: "dead show", Subject: strings.Join(c.IDs, " ")}
		return c.do(ctx, s, event, func() (int, error) { return c.show(ctx, d, s.out) })
	})
}

// show prints the letters and returns how many it has found.
func (c *deadShowCmd) show(ctx context.Context, d *deadletter.Queue, out io.Writer) (shown int, failures error) {
	for i, id := range c.IDs {
		found, err := d.Get(ctx, id)
		if err == nil {
			shown += len(found)
			err = c.print(out, found, i > 0)
		}
		failures = errors.Join(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return shown, failures
}

func (c *deadShowCmd) print(out io.Writer, found []deadletter.Content, more bool) error {
	for _, l := range found {
		var err error
		if c.JSON {
			err = printLines(out, []shownLetter{shown(l)})
		} else {
			if more {
				fmt.Fprintln(out)
			}
			err = printLetter(out, l)
		}
		if err != nil {
			return err
		}
		more = true
	}
	return nil
}

// shownLetter is the JSON form of a letter with its body.
type shownLetter struct {
	deadletter.Letter
	ContentType string         `json:"content_type"`
	Headers     map[string]any `json:"headers"`
	Body        *string        `json:"body,omitempty"`
	BodyBase64  []byte         `json:"body_base64,omitempty"`
}

func shown(l deadletter.Content) shownLetter {
	j := shownLetter{Letter: l.Letter, ContentType: l.ContentType, Headers: l.Headers}
	if utf8.Valid(l.Body) {
		body := string(l.Body)
		j.Body = &body
	} else {
		j.BodyBase64 = l.Body
	}
	return j
}

func printLetter(out io.Writer, l deadletter.Content) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"id", l.ID}, {"message", l.MessageID}, {"room", l.Room}, {"client", l.ClientID}, {"reason", l.Reason}, {"from", l.From},
		{"died", localTime(l.DiedAt)}, {"replayed", strconv.FormatInt(l.Replays, 10)}, {"type", l.ContentType},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row[0], orDash(row[1]))
	}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		value := fmt.Sprint(l.Headers[name])
		if b, ok := l.Headers[name].([]byte); ok {
			value = string(b)
		}
		fmt.Fprintf(table, "header %s\t%s\n", printableBytes([]byte(name)), printableBytes([]byte(value)))
	}
	fmt.Fprintf(table, "body\t%s\n", printableBytes(l.Body))
	return table.Flush()
}
