package api

import (
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/auth"
)

const jsonBody = `{"msg":"hi","client_id":"ann"}`

// bodies are bodies of SendToRoom and PostMessage, and how each is answered.
var bodies = []struct {
	name, contentType, body string
	status                  int
}{
	{"a byte order mark", jsonType, "\ufeff" + jsonBody, 202},
	{"a byte order mark without a type", "", "\ufeff" + jsonBody, 202},
	{"a byte order mark before a form", formType, "\ufeffmsg=hi&client_id=ann", 202},
	{"a byte order mark by curl -d", formType, "\ufeff" + jsonBody, 202},
	{"a byte order mark and space", jsonType, "\ufeff\r\n " + jsonBody, 202},
	{"two byte order marks", jsonType, "\ufeff\ufeff" + jsonBody, 400},
	{"a byte order mark at the end", jsonType, jsonBody + "\ufeff", 400},
	{"UTF-16", jsonType, "\xff\xfe{\x00", 400},
	{"utf8", "application/json; charset=utf8", jsonBody, 202},
	{"UTF8", "application/json;charset=UTF8", jsonBody, 202},
	{"quoted utf8", `application/json; charset="Utf8"`, jsonBody, 202},
	{"quoted utf-8", `application/json; Charset="UTF-8"`, jsonBody, 202},
	{"utf8 of a form", formType + "; charset=utf8", "msg=hi&client_id=ann", 202},
	{"utf8 of JSON by another name", "application/vnd.x+json; charset=utf8", jsonBody, 202},
	{"ASCII", "application/json; charset=us-ascii", jsonBody, 202},
	{"UTF-16 by its name", "application/json; charset=utf-16", jsonBody, 415},
	{"UTF-7", "application/json; charset=utf-7", jsonBody, 415},
	{"Latin-1", formType + "; charset=iso-8859-1", "msg=hi&client_id=ann", 415},
}

func TestAPI_TakesUTF8HoweverItIsCalled(t *testing.T) {
	for _, target := range []string{"/message", "/rooms/lobby/messages"} {
		for _, tt := range bodies {
			s := newMemory()
			w := do(newAPI(t, s), "POST", target, tt.body, "Content-Type", tt.contentType)
			if w.Code != tt.status || w.Code == 202 && s.rooms["lobby"][0].Msg != "hi" {
				t.Errorf("%s, %s: %d %s", target, tt.name, w.Code, w.Body)
			}
		}
	}
	w := do(newAPI(t, newMemory()), "POST", "/message?msg=hi&client_id=ann", "\ufeff")
	if w.Code != 202 {
		t.Errorf("a byte order mark alone is no body: %d %s", w.Code, w.Body)
	}
}

// A byte order mark in a text is a part of it.
func TestAPI_KeepsAByteOrderMarkOfTheText(t *testing.T) {
	s := newMemory()
	a := newAPI(t, s)
	do(a, "POST", "/message", "{\"msg\":\"\ufeffhi\",\"client_id\":\"ann\"}")
	do(a, "POST", "/message", "msg=%EF%BB%BFhi&client_id=ann", "Content-Type", formType)
	do(a, "POST", "/message?msg=%EF%BB%BFhi&client_id=ann", "")
	for _, m := range s.rooms["lobby"] {
		if m.Msg != "\ufeffhi" {
			t.Errorf("stored %q", m.Msg)
		}
	}
	if n := len(s.rooms["lobby"]); n != 3 {
		t.Errorf("%d of 3 were stored", n)
	}
}

func TestAPI_RefusesContentCodings(t *testing.T) {
	for _, target := range []string{"/message", "/message?client_id=ann", "/rooms/lobby/messages"} {
		for _, tt := range []struct {
			codings []string
			named   string // "": taken
		}{
			{[]string{"gzip"}, "gzip"}, {[]string{"GZIP"}, "GZIP"}, {[]string{"br"}, "br"}, {[]string{"deflate"}, "deflate"}, {[]string{"zstd"}, "zstd"},
			{[]string{"x-gzip"}, "x-gzip"}, {[]string{"aws-chunked"}, "aws-chunked"}, {[]string{"identity, gzip"}, "gzip"}, {[]string{"identity", "br"}, "br"},
			{[]string{"gzip,gzip"}, "gzip"}, {[]string{"utf-8"}, "utf-8"}, {[]string{strings.Repeat("x", 500)}, strings.Repeat("x", maxQuotedLength) + "…"},
			{[]string{"identity"}, ""}, {[]string{"Identity"}, ""}, {[]string{""}, ""}, {[]string{" , identity,"}, ""}, {nil, ""},
		} {
			s := newMemory()
			body := jsonBody
			if strings.Contains(target, "client_id") {
				body = `{"msg":"hi"}`
			}
			r := httptest.NewRequest("POST", target, strings.NewReader(body))
			r.Header["Content-Encoding"] = tt.codings
			w := httptest.NewRecorder()
			auth.Open(newAPI(t, s)).ServeHTTP(w, r)
			if tt.named == "" {
				if w.Code != 202 {
					t.Errorf("%s, %q: %d %s", target, tt.codings, w.Code, w.Body)
				}
				continue
			}
			p := problemIn(t, w)
			if p.Status != 415 || p.Errors[0].Field != "Content-Encoding" || !strings.HasPrefix(p.Errors[0].Message, "is "+tt.named+"; ") || w.Header().Get("Accept-Encoding") != "identity" {
				t.Errorf("%s, %q: %s %v", target, tt.codings, w.Body, w.Header())
			}
			if len(s.rooms) > 0 {
				t.Errorf("%s, %q: stored %v", target, tt.codings, s.rooms)
			}
		}
	}
	if w := do(newAPI(t, newMemory()), "POST", "/message?msg=hi&client_id=ann", "", "Content-Encoding", "gzip"); w.Code != 202 {
		t.Errorf("a coding of no body: %d %s", w.Code, w.Body)
	}
}
