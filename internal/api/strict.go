package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json/jsontext"

	"restante/internal/auth"
	"restante/internal/errs"
	"restante/internal/memory"
	"restante/internal/route"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

// inner is huma.Context under a name that does not hide its method Context when it is embedded.
type inner = huma.Context

// request is what huma sees of a request: query and body as strict has read them.
type request struct {
	inner
	query query
	body  []byte
}

// Unwrap lets humago.Unwrap reach the HTTP request.
func (r *request) Unwrap() huma.Context { return r.inner }

// Query returns the value of a parameter.
func (r *request) Query(name string) string { return r.query.get(name) }

// URL returns the address with the query as strict has read it, which huma reads lists from: net/url reads queries otherwise.
func (r *request) URL() url.URL {
	u := r.inner.URL()
	u.RawQuery = r.query.encode()
	return u
}

// BodyReader returns the body, as JSON.
func (r *request) BodyReader() io.Reader { return bytes.NewReader(r.body) }

// Header returns a header of the request. Content-Type and Accept are always JSON, whatever the client sent.
func (r *request) Header(name string) string {
	switch name {
	case "Content-Type", "Accept":
		return jsonType
	case lastEventID:
		r, _ := humago.Unwrap(r.inner)
		value, _ := lastOf(r.Header, name)
		return value
	}
	return r.inner.Header(name)
}

// strict reads query and body before huma does. huma's own reader drops parameters that are escaped wrongly or follow
// one without a value, takes the first of several, and answers 500 to a body that breaks off. Each of these could lose
// or change a message silently.
func (a *API) strict(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	op := ctx.Operation()
	req := &request{inner: ctx}
	var p *problem
	req.query, p = readQuery(r.URL.RawQuery, op)
	switch id, sent := lastOf(r.Header, lastEventID); {
	case p != nil:
	case op.RequestBody != nil:
		held := a.cfg.HoldBody(r.Context())
		defer held.Release()
		req.body, p = a.readBody(w, r, held)
	case sent && id == "" && op.OperationID == route.StreamRoom.Name():
		p = fieldProblem(http.StatusUnprocessableEntity, string(errs.Invalid), lastEventID, "is empty; leave it out or give it a value")
	}
	if p != nil {
		w.(*recorder).problem(p)
		return
	}
	next(req)
}

// byteOrderMark is what some editors and .NET's UTF-8 encoder write before a text. It is not a part of it.
const byteOrderMark = "\ufeff"

// readBody reads the body, limited in size and held in memory, and returns it as JSON. limitTime limits its time.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, held *memory.Holding) ([]byte, *problem) {
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // the rest of the body is not read
		return nil, tooLarge()
	}
	if r.Body == nil || r.ContentLength == 0 {
		return nil, nil
	}
	if coding := codingOf(r.Header); coding != "" {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110 section 15.5.16
		return nil, fieldProblem(http.StatusUnsupportedMediaType, codeMediaType, "Content-Encoding", "is "+cut(strings.ToValidUTF8(coding, "?"))+"; a body must have no content coding")
	}
	body, err := memory.ReadAll(http.MaxBytesReader(w.(*recorder).ResponseWriter, r.Body, maxBody), held)
	if err != nil {
		if _, refused := auth.From(r.Context()); auth.IsRevoked(refused) {
			return nil, a.problemOf(&failure{err: refused}, w)
		}
		return nil, a.bodyProblem(w, r, err)
	}
	text := bytes.TrimPrefix(body, []byte(byteOrderMark))
	if len(text) == 0 {
		return nil, nil
	}
	body, p := asJSON(r.Header.Get("Content-Type"), text)
	if p == nil && tooDeep(body) {
		return nil, fieldProblem(http.StatusBadRequest, codeMalformed, "body", fmt.Sprintf("must not be nested beyond a depth of %d", maxDepth))
	}
	return body, p
}

// codingOf returns the first content coding of a body, "" if it has none.
func codingOf(h http.Header) string {
	for _, line := range h.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return coding
			}
		}
	}
	return ""
}

// maxDepth is more than any sensible body needs. A deeper one would cost a hundred times as much to read.
const maxDepth = 16

// tooDeep reports whether JSON, valid or not, has arrays and objects nested beyond maxDepth.
func tooDeep(body []byte) bool {
	depth, inText := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func (a *API) bodyProblem(w http.ResponseWriter, r *http.Request, err error) *problem {
	if errors.Is(err, memory.ErrRefused) {
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(memory.RestTime)) // net/http would wait for the rest
		p := newProblem(http.StatusServiceUnavailable, string(errs.Unavailable), publicText(err))
		p.retry = memory.RetryAfter
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return newProblem(http.StatusRequestTimeout, codeTimeout, fmt.Sprintf("the body did not arrive within %s", a.bodyTimeout))
	}
	return fieldProblem(http.StatusBadRequest, codeMalformed, "body", "could not be read to its end")
}

func tooLarge() *problem {
	return fieldProblem(http.StatusRequestEntityTooLarge, string(errs.TooLarge), "body", fmt.Sprintf("must be at most %d bytes long", maxBody))
}

// asJSON returns the body as JSON if it is JSON or a form. curl -d calls everything that it sends a form, so a form that
// begins with '{' is read as JSON.
func asJSON(contentType string, body []byte) ([]byte, *problem) {
	if contentType == "" || contentType == jsonType {
		return body, nil
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	switch charset := strings.ToLower(params["charset"]); {
	case err != nil || charset != "" && charset != "utf-8" && charset != "utf8" && charset != "us-ascii":
	case mediaType == jsonType || strings.HasSuffix(mediaType, "+json"):
		return body, nil
	case mediaType == formType && body[0] == '{':
		return body, nil
	case mediaType == formType:
		return formToJSON(string(body))
	}
	return nil, fieldProblem(http.StatusUnsupportedMediaType, codeMediaType, "Content-Type", "must be "+jsonType+" or "+formType+", in UTF-8")
}

// formToJSON writes the fields of a form as an object of strings. A repeated field is repeated there, too.
func formToJSON(form string) ([]byte, *problem) {
	out := []byte{'{'}
	for pair := range strings.SplitSeq(form, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil {
			return nil, fieldProblem(http.StatusBadRequest, codeMalformed, cut(strings.ToValidUTF8(name, "?")), "has a '%' that no two hexadecimal digits follow")
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		var err error
		if out, err = jsontext.AppendQuote(out, name); err == nil {
			out, err = jsontext.AppendQuote(append(out, ':'), value)
		}
		if err != nil {
			return nil, fieldProblem(http.StatusUnprocessableEntity, string(errs.Invalid), cut(strings.ToValidUTF8(name, "?")), "must be valid UTF-8")
		}
	}
	return append(out, '}'), nil
}
