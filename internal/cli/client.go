package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"restante/internal/chat"
	"restante/internal/retry"
	"restante/internal/secret"
)

// target is the flags that select a server and a room.
type target struct {
	URL    string `name:"url" env:"RESTANTE_URL" placeholder:"URL" default:"http://127.0.0.1:8080" help:"Address of the server (default ${default})."`
	bearer `embed:""`
	Room   string `short:"r" env:"RESTANTE_ROOM" placeholder:"ROOM" default:"lobby" help:"The room (default ${default})."`
}

// bearer is the flags that say which token requests have.
type bearer struct {
	Token     string `env:"RESTANTE_TOKEN" placeholder:"TOKEN" help:"Token, if the server requires one (see 'restante token'). Prefer the file or the environment variable: other users of the machine can read command lines."`
	TokenFile string `name:"token-file" env:"RESTANTE_TOKEN_FILE" placeholder:"FILE" type:"path" help:"File with the token. It is read for each request, so that a new token is taken when the file changes."`
}

// client calls the HTTP API of the server of a target. It is not for concurrent use.
type client struct {
	base  string
	room  string
	token func() (string, error) // of now; nil: no token
	http  *http.Client
}

func (t *target) client() (*client, error) {
	base, err := parseBase(t.URL)
	if err != nil {
		return nil, err
	}
	if err := chat.ValidateRoom(t.Room); err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--%w", err)}
	}
	c := newClient(base, t.Room)
	c.token, err = t.token()
	return c, err
}

// hasToken reports whether requests have a token.
func (b *bearer) hasToken() bool { return b.Token != "" || b.TokenFile != "" }

// token returns what reads the token, nil if there is none.
func (b *bearer) token() (func() (string, error), error) {
	switch {
	case b.Token != "" && b.TokenFile != "":
		return nil, &exitError{exitUsage, errors.New("--token-file: there is a --token (RESTANTE_TOKEN) as well; leave one of them out")}
	case b.Token != "":
		return func() (string, error) { return b.Token, nil }, nil
	case b.TokenFile == "":
		return nil, nil
	}
	read := func() (string, error) {
		token, err := secret.ReadText(b.TokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		return token, nil
	}
	if _, err := read(); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return read, nil
}

// parseBase checks a server's address and returns it without a trailing slash, so that a path can follow.
func parseBase(address string) (string, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.User != nil {
		return "", &exitError{exitUsage, errors.New("--url: is not the address of a server, such as http://127.0.0.1:8080, without a user name or a token in it")}
	}
	return strings.TrimSuffix(address, "/"), nil
}

func newClient(base, room string) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &client{base: base, room: room, http: &http.Client{Transport: transport}}
}

// acceptAnyCertificate is for requests whose answers need no secrecy, to a server that is known by its IP address.
func (c *client) acceptAnyCertificate() {
	transport := c.http.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} //nolint:gosec // accepting any certificate is the purpose
}

func (c *client) close() { c.http.CloseIdleConnections() }

// refusal is an answer with a status other than 2xx.
type refusal struct {
	status     int
	text       string
	retryAfter time.Duration // 0 when the server did not send one
}

func (r *refusal) Error() string { return r.text }

// temporary reports whether the same request may succeed later: because there was no answer, or because of its status.
func temporary(err error) bool {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.status == http.StatusTooManyRequests || r.status == http.StatusRequestTimeout || r.status >= 500
	}
	return true
}

// do sends a request and returns the answer if its status is 2xx; the caller closes its body.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	return c.answer(req)
}

// request returns a request for answer.
func (c *client) request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, c.authorize(req)
}

// answer sends a request and returns the answer if its status is 2xx; the caller closes its body.
func (c *client) answer(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if cause := context.Cause(req.Context()); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readRefusal(resp)
}

// authorize adds the token to a request.
func (c *client) authorize(req *http.Request) error {
	if c.token == nil {
		return nil
	}
	token, err := c.token()
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return err
}

// readRefusal turns an answer into an error, with the text of its problem document (RFC 9457) if there is one.
func readRefusal(resp *http.Response) error {
	r := &refusal{status: resp.StatusCode, text: "the server answers " + resp.Status}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = time.Duration(seconds) * time.Second
	}
	var problem struct {
		Detail string
		Errors []struct{ Field, Message string }
	}
	if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&problem) == nil && problem.Detail != "" {
		r.text += ": " + problem.Detail
		for _, e := range problem.Errors {
			r.text += fmt.Sprintf("; %s: %s", e.Field, e.Message)
		}
	}
	r.text = printable(r.text)
	return r
}

// page is a page of a room's log.
type page struct {
	Messages []chat.Message
	LastSeq  int64 `json:"last_seq"` // number of the room's newest message
	Epoch    string
}

// page returns the first messages that a query of GET /rooms/{room}/messages selects.
func (c *client) page(ctx context.Context, query url.Values) (p page, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	resp, err := c.do(ctx, http.MethodGet, "/rooms/"+c.room+"/messages", query, nil)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		return p, fmt.Errorf("read a page of messages: %w", err)
	}
	return p, nil
}

// attemptTimeout limits one request that is not a stream. It is longer than the server's own time limits, so that the
// server's answer arrives first.
const attemptTimeout = 20 * time.Second

// retrier waits between attempts, with growing and jittered pauses.
type retrier struct {
	limit  time.Duration   // how long to continue after the first failure; 0: without a limit
	notice func(err error) // called with the first failure after a success

	backoff *retry.Backoff
	failing time.Time // time of the first failure; zero after a success
}

func newRetrier(limit time.Duration, notice func(error)) *retrier {
	return &retrier{limit: limit, notice: notice, backoff: retry.NewBackoff(200*time.Millisecond, 10*time.Second)}
}

// success ends a series of failures: the next failure is a first one again.
func (r *retrier) success() { r.failing = time.Time{} }

// wait pauses before the next attempt and returns nil. It returns an error if there must be no next attempt: err itself
// if a retry cannot help or the time limit is reached, or the cause of ctx if that has ended.
func (r *retrier) wait(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !temporary(err) {
		return err
	}
	if r.failing.IsZero() {
		r.failing = time.Now()
		r.backoff.Reset()
		r.notice(err)
	}
	pause := r.backoff.Next()
	if refused, ok := errors.AsType[*refusal](err); ok {
		pause = max(pause, refused.retryAfter)
	}
	if r.limit > 0 && time.Since(r.failing)+pause > r.limit {
		return &exitError{exitUnavailable, fmt.Errorf("gave up after %v: %w", r.limit, err)}
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
