package signalr

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// halfClose sends a request, ends the client's side of the connection, and returns the answer.
func (r *rig) halfClose(method, suffix, body string, headers ...string) answer {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.http.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testTimeout))
	lines := fmt.Sprintf("%s /hub%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", method, suffix, len(body))
	for i := 0; i < len(headers); i += 2 {
		lines += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	if _, err := io.WriteString(conn, lines+"\r\n"+body); err != nil {
		r.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

func TestHalfClose_APollIsAnsweredEmptyAndTakesNothing(t *testing.T) {
	r := newRig(t, Config{PollTimeout: time.Hour})
	p := r.poll()
	for range 3 {
		if a := r.halfClose("GET", p.suffix, ""); a.status != 200 || a.body != "" {
			t.Errorf("%d %q", a.status, a.body)
		}
	}
	p.conn.TryWrite([]byte("a"))
	r.want(p.get(), 200, "a")
}

func TestHalfClose_WhatAClientSendsIsHandledAndAnswered(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	r.want(r.halfClose("POST", p.suffix, `{"type":1,"invocationId":"0","target":"Void","arguments":[]}`+"\x1e"+`{"type":1,"invocationId":"1","target":"Void","arguments":[]}`+"\x1e"), 200, "")
	r.want(p.get(), 200, `{"type":3,"invocationId":"0"}`+"\x1e"+`{"type":3,"invocationId":"1"}`+"\x1e")
	if a := r.halfClose("POST", "/negotiate?negotiateVersion=1", ""); a.status != 200 || a.body == "" {
		t.Errorf("negotiate: %d %q", a.status, a.body)
	}
	r.want(r.halfClose("DELETE", p.suffix, ""), 202, "")
}

func TestHalfClose_AStreamEnds(t *testing.T) {
	r := newRig(t, Config{})
	a := r.halfClose("GET", "?id="+r.negotiate(), "", "Accept", "text/event-stream")
	if a.status != 200 || strings.Contains(a.body, "data") {
		t.Errorf("%d %q", a.status, a.body)
	}
}

func TestConfig_AnIdlePollIsShorterThanWhatProxiesAllow(t *testing.T) {
	if wait := (Config{}).withDefaults().PollTimeout; wait >= 50*time.Second {
		t.Errorf("an idle poll lasts %v; HAProxy's usual limit is 50 s, nginx's 60 s", wait)
	}
}

func TestServer_NoProxyMayTransformAnAnswer(t *testing.T) {
	r := newRig(t, Config{})
	for _, a := range []answer{r.do("POST", "/negotiate", ""), r.do("GET", "?id="+r.negotiate(), "")} {
		if got := a.header.Get("Cache-Control"); got != "no-cache, no-store, no-transform" {
			t.Errorf("Cache-Control %q", got)
		}
	}
}
