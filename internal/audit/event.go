package audit

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"restante/internal/auth"
	"restante/internal/remote"
)

// What is the kind of an event. docs/audit.md lists them.
type What string

// The kinds of events.
const (
	SignIn     What = "sign_in"     // a node has checked a token for the first time, and it is valid
	Refused    What = "refused"     // a request without a valid token where one is needed
	Denied     What = "denied"      // a client asked for what its token does not allow, or a page for what it may not
	Revoked    What = "revoked"     // tokens were revoked
	Admin      What = "admin"       // a client used an endpoint for operators, or a person a command that changes a broker or a store
	DeadLetter What = "dead_letter" // a person has looked at dead letters, sent them again, or removed them
	Deleted    What = "deleted"     // messages were deleted
)

// Outcome is how an event has ended.
type Outcome string

// The outcomes.
const (
	OK     Outcome = "ok"
	No     Outcome = "refused" // the server or the rights of the client said no
	Failed Outcome = "failed"  // it was allowed and has not worked
)

// Event is one line of the audit log. Fields that are empty are left out. No field may hold a token or a part of one, the text of
// a message, or a secret. Texts may come from anybody: they are cut to 256 bytes, and what cannot be printed is escaped.
type Event struct {
	What      What
	Outcome   Outcome
	Reason    string     // one word of a fixed list, such as "expired" or "room"
	Who       string     // the sub of the token; Note knows that of the request
	TokenID   string     // the jti of the token; the same
	User      string     // the user of the machine, for commands
	From      netip.Addr // the client's address, as it is believed; Note knows that of the request
	Action    string     // what was asked for: a route such as "GET /metrics", or a command such as "dead drop"
	Room      string
	Subject   string // whom or what the action was about, such as the sub that was revoked
	RequestID string // names the request in the server's log
	Count     int    // how many things, such as dead letters; 0: not said
}

// completed returns the event with what ctx knows of the request: its client, and where it comes from.
func (e Event) completed(ctx context.Context) Event {
	if client, err := auth.From(ctx); err == nil && e.Who == "" && e.User == "" {
		e.Who, e.TokenID = client.ID, cmp.Or(e.TokenID, client.TokenID)
	}
	if !e.From.IsValid() {
		e.From = remote.From(ctx).Addr
	}
	for _, field := range []*string{&e.Reason, &e.Who, &e.TokenID, &e.User, &e.Action, &e.Room, &e.Subject, &e.RequestID} {
		*field = cut(*field)
	}
	return e
}

// cut returns a text of maxText bytes at most, in memory of its own: the event may be kept for longer than the request, whose head a
// part of the head would keep in memory.
func cut(text string) string {
	if len(text) <= maxText {
		return strings.Clone(text)
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// attrs returns the fields of the event that are not empty, in the order of the documentation.
func (e Event) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("event", string(e.What)), slog.String("outcome", string(e.Outcome))}
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, printable(value)))
		}
	}
	add("reason", e.Reason)
	add("sub", e.Who)
	add("jti", e.TokenID)
	add("user", e.User)
	if e.From.IsValid() {
		add("from", e.From.String())
	}
	add("action", e.Action)
	add("room", e.Room)
	add("subject", e.Subject)
	add("request_id", e.RequestID)
	if e.Count != 0 {
		attrs = append(attrs, slog.Int("count", e.Count))
	}
	return attrs
}

const maxText = 256 // bytes of one field

// printable writes characters that have no shape of their own, such as line ends and marks that turn the direction of text, as
// their code.
func printable(text string) string {
	if strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) < 0 && utf8.ValidString(text) {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
