package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/route"
)

// The groups of operations.
const (
	tagShort = "Short contract"
	tagRooms = "Rooms"
	tagAdmin = "Operators"
)

// The ways to bring a token.
const (
	schemeBearer = "bearerAuth"
	schemeQuery  = "accessToken"
)

// The errors of operations, beside 500.
var (
	sendErrors = []int{400, 401, 403, 408, 409, 413, 415, 422, 429, 503}
	readErrors = []int{400, 401, 403, 422, 429, 503}
)

var errorTexts = map[int]string{
	400: "malformed: the query or the body cannot be read",
	401: "unauthenticated: a token is needed, or the one that was sent is not valid or has expired",
	403: "forbidden: the token is not for this room, whether that exists or not, not for sending, or not for this client_id; or a page of an origin that is not allowed",
	408: "timeout: the body did not arrive in time",
	409: "conflict: this client has used the id for another text in the room, which is the one that is kept; a new text needs a new id",
	413: "too_large: the body exceeds the limit; it was not read",
	415: "unsupported_media_type: the body is neither JSON nor a form",
	422: "invalid: a parameter or field is not what it must be; errors names each",
	429: "rate_limited: too often; or too_many: too many at a time",
	500: "internal: a mistake of the server, named by request_id in its log",
	503: "unavailable: it cannot be done now; of a message, detail says whether it was not accepted or whether that is not known: either way it can be sent again with the id that the answer names",
}

// description is the document before any operation is in it.
func description(version string) *huma.OpenAPI {
	if version == "" {
		version = "devel"
	}
	return &huma.OpenAPI{
		Info: &huma.Info{
			Title:   "Restante",
			Version: version,
			Description: "Group messaging that keeps what it accepts: every message reaches every member of its room, in one order, once. " +
				"The SignalR hub is at `/messageHub`. For machines there are `/healthz`, `/readyz`, `/metrics` and `/version`. " +
				"Errors are problem documents of RFC 9457 with a stable `code`.\n\n" +
				"A server with authentication wants a token (a JWT) with every request, as `Authorization: Bearer …`: " +
				"`sub` is the `client_id`, `rooms` lists the rooms that it is for, `publish: false` makes it read-only, and `/metrics` and `/admin` want `admin: true`. " +
				"This page, `/healthz`, `/readyz` and `/version` are for everybody.",
		},
		Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
			schemeBearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "needed unless the server runs without authentication"},
			schemeQuery:  {Type: "apiKey", In: "query", Name: "access_token", Description: "the same token, for an EventSource, which sets no headers; for event streams only"},
		}},
		Security: []map[string][]string{{schemeBearer: {}}},
		Tags: []*huma.Tag{
			{Name: tagShort, Description: "The two requests of existing clients; they do not change."},
			{Name: tagRooms, Description: "Rooms, their logs and their live streams."},
			{Name: tagAdmin, Description: "For tokens with `admin: true`."},
		},
	}
}

// errorAnswers documents the errors of an operation.
func errorAnswers(h huma.API, op *huma.Operation, statuses ...int) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	schema := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	for _, status := range append(statuses, http.StatusInternalServerError) {
		res := &huma.Response{
			Description: errorTexts[status],
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		}
		switch status {
		case http.StatusUnauthorized:
			res.Headers = map[string]*huma.Param{"WWW-Authenticate": {Description: "Bearer, with error=\"invalid_token\" if there was a token", Schema: &huma.Schema{Type: huma.TypeString}}}
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			res.Headers = map[string]*huma.Param{"Retry-After": {Description: "seconds to wait", Schema: &huma.Schema{Type: huma.TypeInteger}}}
		}
		op.Responses[strconv.Itoa(status)] = res
	}
}

// tidy removes the parts of the document that huma adds and the API does not use, and adds the form that strict reads.
func tidy(doc *huma.OpenAPI) *huma.OpenAPI {
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	for name, s := range schemas {
		if !strings.HasSuffix(name, "Body") {
			s.AdditionalProperties = nil // answers may get more fields; only requests must not have unknown ones
		}
	}
	for _, item := range doc.Paths {
		if item.Post != nil && item.Post.RequestBody != nil {
			content := item.Post.RequestBody.Content
			content[formType] = &huma.MediaType{Schema: content[jsonType].Schema}
		}
	}
	return doc
}

// documents mounts the OpenAPI document in its forms: for programs as JSON and YAML, for people at /docs.
func (a *API) documents(doc *huma.OpenAPI) error {
	asJSON, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return fmt.Errorf("encode OpenAPI document: %w", err)
	}
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("encode OpenAPI document as YAML: %w", err)
	}
	html, csp, err := docsPage(doc)
	if err != nil {
		return fmt.Errorf("render /docs: %w", err)
	}
	a.routes.handle(route.OpenAPIJSON, fixed("application/vnd.oai.openapi+json", "", append(asJSON, '\n')))
	a.routes.handle(route.OpenAPIYAML, fixed("application/vnd.oai.openapi", "", asYAML))
	a.routes.handle(route.Docs, page(fixed("text/html; charset=utf-8", csp, html)))
	return nil
}

// fixed serves content that does not change while the server runs.
func fixed(contentType, csp string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("ETag", etag)
		h.Set("Cache-Control", "no-cache")
		if csp != "" {
			h.Set("Content-Security-Policy", csp)
		}
		if strings.Contains(r.Header.Get("If-None-Match"), etag) { // a list of tags; proxies may have made some of them weak
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = bytes.NewReader(content).WriteTo(w) // a client that has disconnected needs no answer
	})
}
