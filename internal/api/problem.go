package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/validation"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
)

const problemType = "application/problem+json"

// problem is the body of every answer that is not a success: RFC 9457 with a stable code.
type problem struct {
	Type      string       `json:"type" doc:"always about:blank: code says what happened" example:"about:blank"`
	Title     string       `json:"title" doc:"the HTTP status in words" example:"Unprocessable Entity"`
	Status    int          `json:"status" doc:"the HTTP status" example:"422"`
	Detail    string       `json:"detail" doc:"what happened and what to do, for people" example:"the request has faults"`
	Code      string       `json:"code" doc:"what happened, for programs; one of malformed, invalid, too_large, unsupported_media_type, not_found, method_not_allowed, unauthenticated, forbidden, conflict, timeout, rate_limited, too_many, unavailable, internal" example:"invalid"`
	Errors    []fieldError `json:"errors,omitempty" doc:"the faults of the request, one by one"`
	ID        string       `json:"id,omitempty" doc:"the id with which a message that was not confirmed can be sent again without appearing twice; it is always there when it is not known whether the message was accepted"`
	RequestID string       `json:"request_id,omitempty" doc:"names the request in the server's log"`
	Checks    []checked    `json:"checks,omitempty" doc:"of /readyz: the outcome of each check"`

	challenge string        // of a 401: its WWW-Authenticate
	retry     time.Duration // how long to wait before another try, where the status asks for one; 0: not known
}

// fieldError is one fault of a request.
type fieldError struct {
	Field   string `json:"field" doc:"the parameter or field at fault, body for the body as a whole" example:"client_id"`
	Message string `json:"message" doc:"what is wrong with it" example:"must be 1 to 128 bytes long, is 0"`
}

// The codes of faults of HTTP itself; the others are those of package errs.
const (
	codeMalformed   = "malformed"
	codeMethod      = "method_not_allowed"
	codeMediaType   = "unsupported_media_type"
	codeTimeout     = "timeout"
	detailFaults    = "the request has faults"
	maxFieldErrors  = 20
	maxQuotedLength = 100 // bytes of a field's name or a message that may come from the request
)

func newProblem(status int, code, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func fieldProblem(status int, code, field, message string) *problem {
	p := newProblem(status, code, detailFaults)
	p.Errors = []fieldError{{field, message}}
	return p
}

func internalProblem(requestID string) *problem {
	p := newProblem(http.StatusInternalServerError, string(errs.Internal), "the server made a mistake; its log has the cause under the request_id")
	p.RequestID = requestID
	return p
}

// muxProblem returns the problem document that replaces an error text of the mux.
func muxProblem(status int) *problem {
	switch status {
	case http.StatusNotFound:
		return newProblem(status, string(errs.NotFound), "there is nothing at this path; /docs lists what there is")
	case http.StatusMethodNotAllowed:
		return newProblem(status, codeMethod, "this path does not have that method; the Allow header says which it has")
	}
	return newProblem(status, codeMalformed, "this is not a request for a path")
}

// setHeaders calls set for the headers that belong to the status.
func (p *problem) setHeaders(set func(name, value string)) {
	set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		set("WWW-Authenticate", p.challenge)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds := int64((p.retry + time.Second - 1) / time.Second) // rounded up, or the client would retry too early
		set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
	}
}

func (p *problem) appendJSON(dst []byte) []byte {
	b, _ := json.Marshal(p) // strings and integers always encode
	return append(dst, b...)
}

// failure carries an error through huma to toProblem. message is the one that was to be accepted, if any.
type failure struct {
	err     error
	message chat.Message
}

func failed(err error) error { return &failure{err: err} }

// Error returns the text of the error.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the error.
func (f *failure) Unwrap() error { return f.err }

// GetStatus implements huma.StatusError.
func (f *failure) GetStatus() int { return statusOf(classOf(f.err)) }

// ContentType implements huma.ContentTypeFilter.
func (f *failure) ContentType(string) string { return problemType }

// classOf is errs.CodeOf, except that an exceeded time limit is unavailable: the sender may try again.
func classOf(err error) errs.Code {
	code := errs.CodeOf(err)
	if code == errs.Internal && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)) {
		return errs.Unavailable
	}
	return code
}

func statusOf(code errs.Code) int {
	switch code {
	case errs.Invalid:
		return http.StatusUnprocessableEntity
	case errs.TooLarge:
		return http.StatusRequestEntityTooLarge
	case errs.NotFound:
		return http.StatusNotFound
	case errs.Unauthenticated:
		return http.StatusUnauthorized
	case errs.Forbidden:
		return http.StatusForbidden
	case errs.Conflict:
		return http.StatusConflict
	case errs.RateLimited, errs.TooMany:
		return http.StatusTooManyRequests
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// toProblem turns errors into answers; nothing else does. huma calls it with every body before it is written.
func (a *API) toProblem(ctx huma.Context, _ string, body any) (any, error) {
	var p *problem
	switch e := body.(type) {
	case *failure:
		_, w := humago.Unwrap(ctx)
		p = a.problemOf(e, w)
	case *huma.ErrorModel:
		p = problemOfModel(e)
	default:
		return body, nil
	}
	p.setHeaders(ctx.SetHeader)
	return p, nil
}

// problemOf translates a failure, and logs it if the server is at fault.
func (a *API) problemOf(f *failure, w http.ResponseWriter) *problem {
	code := classOf(f.err)
	p := newProblem(statusOf(code), string(code), "")
	switch code {
	case errs.Internal:
		p = internalProblem("")
		if f.message.ID != "" {
			p.Detail = journey.Told(f.err, p.Detail, f.message.ID)
		}
	case errs.Unavailable:
		p.Detail = unavailable(f)
	default:
		p.Detail, p.Errors = publicText(f.err), fieldErrors(f.err)
		if code == errs.Invalid && len(p.Errors) > 0 {
			p.Detail = detailFaults
		}
	}
	if e, ok := errors.AsType[*errs.Error](f.err); ok {
		p.retry = e.RetryAfter
	}
	rec, _ := w.(*recorder)
	switch code {
	case errs.Unauthenticated:
		p.challenge = auth.Challenge(f.err)
	case errs.Forbidden:
		a.denied(rec, f.err)
	}
	if p.Status >= http.StatusInternalServerError {
		p.ID = f.message.ID
		if rec != nil {
			p.RequestID = rec.id
		}
		a.logFailure(p, f)
	}
	return p
}

// denied tells Config.Denied of a request that is answered 403.
func (a *API) denied(rec *recorder, err error) {
	if a.cfg.Denied != nil && rec != nil {
		a.cfg.Denied(rec.r, rec.id, err)
	}
}

func (a *API) logFailure(p *problem, f *failure) {
	ctx := context.Background()
	attrs := []slog.Attr{slog.Any("err", f.err), slog.String("request_id", p.RequestID)}
	if f.message.ID != "" {
		attrs = append(attrs, slog.String("id", f.message.ID), slog.String("room", f.message.Room))
	}
	switch {
	case errors.Is(f.err, context.Canceled):
		a.log.LogAttrs(ctx, slog.LevelDebug, "request was given up by its sender", attrs...)
	case p.Status == http.StatusServiceUnavailable:
		a.log.LogAttrs(ctx, slog.LevelWarn, "request could not be served now", attrs...)
	default:
		a.log.LogAttrs(ctx, slog.LevelError, "request failed", attrs...)
	}
}

// unavailable tells a sender what has become of its message, and a reader that it may try again.
func unavailable(f *failure) string {
	reason := publicText(f.err)
	if f.message.Msg != "" {
		return journey.Told(f.err, reason, f.message.ID)
	}
	return reason + "; try again"
}

// publicText returns what the sender of the request is told: the text of the outermost classified error. Causes stay in
// the log.
func publicText(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Msg != "" {
		if e.Field != "" {
			return e.Field + ": " + e.Msg
		}
		return e.Msg
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it took too long"
	}
	return "the server cannot do it now"
}

// fieldErrors lists the faults of fields.
func fieldErrors(err error) (found []fieldError) {
	for _, e := range errs.All(err) {
		if e.Field != "" {
			found = append(found, fieldError{e.Field, e.Msg})
		}
	}
	return found
}

// problemOfModel translates what huma found wrong with a request. The values at fault are not echoed.
func problemOfModel(m *huma.ErrorModel) *problem {
	code := string(errs.Invalid)
	switch {
	case m.Status == http.StatusBadRequest:
		code = codeMalformed
	case m.Status >= http.StatusInternalServerError:
		code = string(errs.Internal)
	}
	p := newProblem(m.Status, code, detailFaults)
	for _, d := range m.Errors {
		if len(p.Errors) == maxFieldErrors {
			break
		}
		p.Errors = append(p.Errors, fieldOf(d))
	}
	if len(p.Errors) == 0 {
		p.Errors = []fieldError{{"body", m.Detail}}
	}
	return p
}

func fieldOf(d *huma.ErrorDetail) fieldError {
	var missing string
	if _, err := fmt.Sscanf(d.Message, validation.MsgExpectedRequiredProperty, &missing); err == nil {
		return fieldError{missing, "is required"}
	}
	field := d.Location
	if _, name, ok := strings.Cut(field, "."); ok {
		field = name
	}
	return fieldError{cut(field), cut(d.Message)}
}

// cut shortens text that came from the request.
func cut(s string) string {
	if len(s) <= maxQuotedLength {
		return s
	}
	end := maxQuotedLength
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
