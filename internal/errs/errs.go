// Package errs gives every error of the journey a class. A driver classifies an error once, where it arises. The HTTP
// API, the hub and the command line translate the class once, where the error leaves the program. An error without a
// class is internal.
package errs

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code is the class of an error. The texts are part of the API: problem documents and completions contain them.
type Code string

// The classes, with their HTTP status.
const (
	Invalid         Code = "invalid"         // 422: the request can never succeed as it is
	TooLarge        Code = "too_large"       // 413: a size limit was exceeded
	NotFound        Code = "not_found"       // 404
	Unauthenticated Code = "unauthenticated" // 401: no token, or no valid token
	Forbidden       Code = "forbidden"       // 403
	Conflict        Code = "conflict"        // 409
	RateLimited     Code = "rate_limited"    // 429: too many requests; the same request can succeed after RetryAfter
	TooMany         Code = "too_many"        // 429: too many at the same time; the same request can succeed when others have ended
	Unavailable     Code = "unavailable"     // 503: it cannot be done now, or it is not known whether it was done (IsUnknown); try again with the same id
	Internal        Code = "internal"        // 500: a fault of the server
)

// Error is a classified error. Msg is written for the client that sent the request. Err is the cause, which may be nil
// and is only logged.
type Error struct {
	Code  Code
	Field string // the invalid field, if any
	Msg   string
	Err   error

	RetryAfter time.Duration // how long to wait before trying again; 0: not known
	NotDone    bool          // of Unavailable and Internal: nothing was done of what was asked for; see IsUnknown
}

// Error returns the message and the cause.
func (e *Error) Error() string {
	s := e.Msg
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	switch {
	case e.Err != nil && s == "":
		return e.Err.Error()
	case e.Err != nil:
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Field returns an Invalid error about one field of a request.
func Field(name, format string, args ...any) *Error {
	return &Error{Code: Invalid, Field: name, Msg: fmt.Sprintf(format, args...)}
}

// Wrap classifies err, with a message for the client that sent the request. It returns nil when err is nil.
func Wrap(code Code, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...), Err: err}
}

// CodeOf returns the class of err: the class of the first Error in its chain, Internal if there is none, and "" for
// nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// IsUnknown reports whether what failed with err may have been done all the same. Only Unavailable and Internal leave that open,
// unless the first Error in the chain says NotDone. It is false for nil.
func IsUnknown(err error) bool {
	switch CodeOf(err) {
	case Unavailable, Internal:
		e, ok := errors.AsType[*Error](err)
		return !ok || !e.NotDone
	}
	return false
}

// Undone returns err with NotDone set, for a call that has failed before it did anything. It keeps the class, the message and
// the cause, and returns nil when err is nil.
func Undone(err error) error {
	if err == nil {
		return nil
	}
	marked := &Error{Code: Internal, Err: err, NotDone: true}
	if e, ok := errors.AsType[*Error](err); ok {
		*marked = *e
		marked.NotDone = true
	}
	return marked
}

// All returns the classified errors in err, in order. An error that joins several faults has several.
func All(err error) []*Error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // errors.As follows one branch only; this follows every branch
		return []*Error{e}
	}
	switch u := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		var all []*Error
		for _, e := range u.Unwrap() {
			all = append(all, All(e)...)
		}
		return all
	case interface{ Unwrap() error }:
		return All(u.Unwrap())
	}
	return nil
}

// Public returns the text that the client may read: the messages of the classified errors, without their causes.
func Public(err error) string {
	var texts []string
	for _, e := range All(err) {
		if e.Code == Internal {
			continue
		}
		text := e.Msg
		if e.Field != "" {
			text = e.Field + ": " + text
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return "internal error"
	}
	return strings.Join(texts, "; ")
}
