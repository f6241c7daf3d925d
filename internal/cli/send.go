package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"restante/internal/chat"
)

type sendCmd struct {
	target   `embed:""`
	ClientID string        `name:"client-id" env:"RESTANTE_CLIENT_ID" placeholder:"NAME" help:"Name of the sender (default: your user name; with a token, the name in the token)."`
	OnError  string        `name:"on-error" enum:"stop,continue" default:"stop" placeholder:"stop|continue" help:"What to do after a line of standard input that is refused: stop, or continue with the next line (default ${default})."`
	Timeout  time.Duration `default:"30s" placeholder:"DURATION" help:"How long to retry a message that is not confirmed (default ${default})."`
	Quiet    bool          `short:"q" xor:"output" help:"Print nothing for an accepted message, instead of its id."`
	JSON     bool          `xor:"output" help:"Print each accepted message as a line of JSON, instead of its id."`
	Msg      []string      `arg:"" optional:"" help:"The message. Several words are joined by spaces. Without it, each line of standard input is a message."`
}

// Help is the text of `restante send --help` below the usage line.
func (sendCmd) Help() string {
	return `Examples:

  restante send "Hello, everyone"
  restante send --room ops --client-id deploy "v1.4 is out"
  tail -f app.log | restante send --room app --quiet
  RESTANTE_URL=https://chat.example.org restante send hi

Each message gets an id before the first attempt and keeps it, so that a retry never stores it twice. A lost connection, "busy" (429) and "unavailable" (503) are retried until --timeout. Lines are sent in order: each one after the server has the previous one on stable storage.

The text of a message is sent as it is, byte for byte. A line ends with LF or CR LF, which does not belong to the message, and the last line needs no end. Empty lines are skipped. A text that is not UTF-8 is refused, with the number of its line: convert it first, for example with iconv. With --on-error continue, a line that is refused because of its text is reported and left out, and the others are sent. A refusal that would be the same for every line, such as that of a token, ends the command nevertheless.

Exit codes:
  0    every message was accepted
  1    a message was refused, and a retry would not help; those before it, or with --on-error continue all others, were accepted
  2    the command line is wrong
  3    gave up after --timeout: the message of the last attempt may have been accepted; those after it were not sent
  130  interrupted: the message that was being sent, if any, may have been accepted
The error names the message by its id, and says whether it may have been accepted.`
}

// Run sends the message in the arguments, or those of standard input.
func (c *sendCmd) Run(ctx context.Context, s *streams) error {
	if c.ClientID = chat.TrimName(c.ClientID); c.ClientID == "" && !c.hasToken() {
		c.ClientID = chat.TrimName(userName())
	}
	if err := chat.ValidateName("client_id", c.ClientID); err != nil && (!c.hasToken() || c.ClientID != "") {
		return &exitError{exitUsage, fmt.Errorf("--client-id, RESTANTE_CLIENT_ID: %w", err)}
	}
	if c.Timeout <= 0 {
		return &exitError{exitUsage, fmt.Errorf("--timeout: %v is not a time to wait", c.Timeout)}
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	defer cl.close()
	sn := &sender{cmd: c, client: cl, out: s.out, retrier: newRetrier(c.Timeout, func(err error) {
		fmt.Fprintf(s.err, "restante: not confirmed yet, trying again: %s\n", printable(err.Error()))
	})}
	if len(c.Msg) > 0 {
		err = sn.send(ctx, strings.Join(c.Msg, " "))
		if bad, ok := errors.AsType[*badText](err); ok {
			err = fmt.Errorf("the message %w", bad)
		}
	} else {
		err = sn.sendLines(ctx, s)
	}
	if errors.Is(err, context.Canceled) {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	return err
}

// sender sends messages one after the other.
type sender struct {
	cmd     *sendCmd
	client  *client
	retrier *retrier
	out     io.Writer
	sent    int
}

// sendLines sends each line of standard input. Apart from the buffer, it reads no line before the previous one is
// accepted.
func (sn *sender) sendLines(ctx context.Context, s *streams) error {
	progress := newProgress(s)
	defer progress.end()
	lines := newLineReader(s.in)
	refused := 0
	for {
		text, err := await(ctx, lines.next)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF) && refused > 0:
			return fmt.Errorf("%d lines were refused; %d messages were accepted", refused, sn.sent)
		case errors.Is(err, io.EOF):
			return nil
		case err == nil && text != "":
			err = sn.send(ctx, text)
		}
		if err == nil {
			progress.sent(sn.sent)
			continue
		}
		err = fmt.Errorf("standard input, line %d: %w", lines.number, err)
		if sn.cmd.OnError == "stop" || !isOfText(err) {
			return err
		}
		refused++
		fmt.Fprintf(s.err, "restante: %s\n", printable(err.Error()))
	}
}

// isOfText reports whether a message was refused because of its text, so that the next one may be accepted.
func isOfText(err error) bool {
	if _, bad := errors.AsType[*badText](err); bad {
		return true
	}
	r, ok := errors.AsType[*refusal](err)
	return ok && (r.status == http.StatusUnprocessableEntity || r.status == http.StatusRequestEntityTooLarge || r.status == http.StatusBadRequest)
}

// checkText returns an error for a text that is not UTF-8: JSON cannot carry it unchanged.
func checkText(text string) error {
	for at, r := range text {
		if _, size := utf8.DecodeRuneInString(text[at:]); r == utf8.RuneError && size == 1 {
			return &badText{fmt.Sprintf("is not UTF-8: byte %d is %#02x", at+1, text[at])}
		}
	}
	return nil
}

// send sends one message until it is accepted, and prints it as the flags say.
func (sn *sender) send(ctx context.Context, text string) error {
	if err := checkText(text); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make an id: %w", err)
	}
	uncertain := false // an attempt may have been accepted
	for {
		answer, err := sn.post(ctx, id.String(), text)
		if err == nil {
			sn.retrier.success()
			sn.sent++
			return sn.print(id.String(), text, answer)
		}
		uncertain = uncertain || mayBeAccepted(err)
		if err := sn.retrier.wait(ctx, err); err != nil {
			return notConfirmed(id.String(), uncertain, err)
		}
	}
}

// mayBeAccepted reports whether the server may have accepted a message although its answer did not say so: there was none, or the
// server has failed.
func mayBeAccepted(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status >= 500
	}
	op, ok := errors.AsType[*net.OpError](err)
	return !ok || op.Op != "dial"
}

// notConfirmed returns the error of a message that is not tried again.
func notConfirmed(id string, uncertain bool, err error) error {
	switch {
	case !uncertain:
		return fmt.Errorf("message %s: %w", id, err)
	case errors.Is(err, context.Canceled):
		return &exitError{exitInterrupted, fmt.Errorf("message %s, which may have been accepted: interrupted", id)}
	default:
		return fmt.Errorf("message %s, which may have been accepted: %w", id, err)
	}
}

// post makes one attempt and returns the answer's body, which is a message without its text.
func (sn *sender) post(ctx context.Context, id, text string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, min(attemptTimeout, sn.cmd.Timeout))
	defer cancel()
	body := struct {
		ID       string `json:"id"`
		ClientID string `json:"client_id,omitempty"`
		Msg      string `json:"msg"`
	}{id, sn.cmd.ClientID, text}
	resp, err := sn.client.do(ctx, http.MethodPost, "/rooms/"+sn.client.room+"/messages", nil, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	// The status is enough. If the body does not arrive completely, that is no reason to send again.
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer, nil
}

func (sn *sender) print(id, text string, answer []byte) error {
	var err error
	switch {
	case sn.cmd.Quiet:
	case sn.cmd.JSON:
		var m chat.Message
		if json.Unmarshal(answer, &m) != nil {
			return fmt.Errorf("message %s was accepted, but the answer is not JSON: is %s the address of a restante server?", id, sn.client.base)
		}
		m.Msg = text // the id is new, so this is the text that is kept
		_, err = sn.out.Write(append(m.AppendJSON(nil), '\n'))
	default:
		_, err = fmt.Fprintln(sn.out, id)
	}
	return err
}

// progress shows on a terminal how many messages were accepted, if nothing else is printed there.
type progress struct {
	out   io.Writer // nil: not shown
	shown time.Time
	count int
}

func newProgress(s *streams) *progress {
	if !isTerminal(s.err) || isTerminal(s.in) || isTerminal(s.out) {
		return &progress{}
	}
	return &progress{out: s.err, shown: time.Now()}
}

func (p *progress) sent(count int) {
	p.count = count
	if p.out != nil && time.Since(p.shown) > time.Second/5 {
		p.shown = time.Now()
		fmt.Fprintf(p.out, "\r%d messages accepted", count)
	}
}

func (p *progress) end() {
	if p.out != nil && p.count > 0 {
		fmt.Fprintf(p.out, "\r%d messages accepted\n", p.count)
	}
}
