package signalr

import (
	"encoding/base64"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// elements returns the elements of a header that is a list, from all its lines, without white space around them.
func elements(h http.Header, name string) []string {
	var all []string
	for _, line := range h.Values(name) {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.TrimSpace(element); element != "" {
				all = append(all, element)
			}
		}
	}
	return all
}

// lists reports whether a header that is a list has an element, whatever its case.
func lists(h http.Header, name, element string) bool {
	return slices.ContainsFunc(elements(h, name), func(e string) bool { return strings.EqualFold(e, element) })
}

// isUpgrade reports whether a request asks for a WebSocket, perhaps among other protocols.
func isUpgrade(r *http.Request) bool { return lists(r.Header, "Upgrade", "websocket") }

// plainUpgrade returns a request for a WebSocket with the only values that all libraries and proxies understand, in place of lists
// that contain them. Other requests are returned as they are.
func plainUpgrade(r *http.Request) *http.Request {
	if !isUpgrade(r) {
		return r
	}
	out := *r
	out.Header = r.Header.Clone()
	out.Header.Set("Upgrade", "websocket")
	for name, element := range map[string]string{"Connection": "Upgrade", "Sec-WebSocket-Version": "13"} {
		if lists(r.Header, name, element) {
			out.Header.Set(name, element)
		}
	}
	return &out
}

// checkUpgrade returns why the handshake of a WebSocket cannot be answered. It is called before the connection is claimed, so that
// a token survives a failed attempt. The status is that of ASP.NET, which takes such requests for polls.
func checkUpgrade(r *http.Request) *Refusal {
	keys := r.Header.Values("Sec-WebSocket-Key")
	valid := len(keys) == 1 && r.ProtoAtLeast(1, 1) && r.Header.Get("Connection") == "Upgrade"
	if valid {
		nonce, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0]))
		valid = err == nil && len(nonce) == 16
	}
	if valid && r.Header.Get("Sec-WebSocket-Version") == "13" {
		return nil
	}
	return &Refusal{
		Status: http.StatusBadRequest, Text: "The request for a WebSocket is not valid (RFC 6455, version 13)",
		Header: http.Header{"Sec-WebSocket-Version": {"13"}},
	}
}

// wantsEvents reports whether a request accepts an event stream. Stock clients name no other type.
func wantsEvents(r *http.Request) bool {
	return slices.ContainsFunc(elements(r.Header, "Accept"), func(e string) bool {
		kind, params, _ := mime.ParseMediaType(e)
		if kind != "text/event-stream" {
			return false
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		return err != nil || q > 0
	})
}

// isEncoded reports whether a request has a body with a content coding. Its bytes would be taken for messages.
func isEncoded(r *http.Request) bool {
	return r.ContentLength != 0 && slices.ContainsFunc(elements(r.Header, "Content-Encoding"), func(e string) bool { return !strings.EqualFold(e, "identity") })
}

var errEncoded = &Refusal{
	Status: http.StatusUnsupportedMediaType, Text: "A body must have no content coding",
	Header: http.Header{"Accept-Encoding": {"identity"}},
}
