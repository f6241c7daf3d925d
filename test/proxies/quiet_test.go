package proxies

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// quietFor is longer than the time limits of the proxies: 50 s of HAProxy, 60 s of nginx.
const quietFor = 65 * time.Second

// TestProxies_QuietConnectionsLast: nobody sends anything for longer than the proxies wait. A poll is answered empty before that, and
// streams go on. The next message comes at once, and is not held back by buffers or compression.
func TestProxies_QuietConnectionsLast(t *testing.T) {
	eachProxy(t, func(t *testing.T, _ proxy, server *testkit.Server, addr string) {
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
		defer client.CloseIdleConnections()
		base := "http://" + addr
		// As browsers do it, the client takes what is compressed.
		events := request(t, client, "GET", base+"/rooms/quiet/events", "", "Accept", "text/event-stream", "Accept-Encoding", "gzip, deflate, br")
		defer events.Body.Close()
		sse := openSSE(t, client, base)
		defer sse.Body.Close()
		lines := []<-chan string{linesOf(t, events), linesOf(t, sse)}
		silence := time.After(quietFor)
		idlePoll(t, client, base)
		<-silence

		sent := time.Now()
		post(t, client, base, "quiet", "after the silence")
		for i, found := range lines {
			awaitLine(t, found, "after the silence")
			if took := time.Since(sent); took > 5*time.Second {
				t.Errorf("stream %d: it took %v", i, took)
			}
		}
		server.WaitSeq("quiet", 1)
	})
}

// openSSE opens a hub connection over Server-Sent Events that reads the room.
func openSSE(t *testing.T, client *http.Client, base string) *http.Response {
	t.Helper()
	hub := negotiate(t, client, base, "room=quiet")
	stream := request(t, client, "GET", hub, "", "Accept", "text/event-stream", "Accept-Encoding", "gzip, deflate, br")
	handshake(t, client, hub)
	return stream
}

// negotiate returns the URL of a new hub connection.
func negotiate(t *testing.T, client *http.Client, base, query string) string {
	t.Helper()
	resp := request(t, client, "POST", base+"/messageHub/negotiate?negotiateVersion=1", "")
	defer resp.Body.Close()
	var answer struct{ ConnectionToken string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.ConnectionToken == "" {
		t.Fatalf("negotiate: %s, %v", resp.Status, err)
	}
	return base + "/messageHub?" + query + "&id=" + answer.ConnectionToken
}

func handshake(t *testing.T, client *http.Client, hub string) {
	t.Helper()
	resp := request(t, client, "POST", hub, `{"protocol":"json","version":1}`+"\x1e")
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("handshake: %s", resp.Status)
	}
}

// idlePoll polls over a hub connection without rooms until a poll was answered because its time was over. Every answer must be the
// hub's.
func idlePoll(t *testing.T, client *http.Client, base string) {
	t.Helper()
	hub := negotiate(t, client, base, "room=")
	poll := func(want string) (took time.Duration) {
		begun := time.Now()
		resp := request(t, client, "GET", hub, "", "Accept-Encoding", "gzip, deflate, br")
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" || string(body) != want {
			t.Fatalf("a poll of %v: %s %s %q (%v), want %q", time.Since(begun), resp.Status, resp.Header.Get("Content-Encoding"), body, err, want)
		}
		return time.Since(begun)
	}
	poll("")
	handshake(t, client, hub)
	poll("{}\x1e")
	if took := poll(""); took < 40*time.Second || took > 50*time.Second {
		t.Errorf("an idle poll was answered after %v", took)
	}
}

// linesOf returns the lines of a stream, as they come.
func linesOf(t *testing.T, resp *http.Response) <-chan string {
	t.Helper()
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("no stream: %s %v", resp.Status, resp.Header)
	}
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		t.Errorf("the proxy has made %s of it", coding)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			lines <- in.Text()
		}
	}()
	return lines
}

func awaitLine(t *testing.T, lines <-chan string, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case line, open := <-lines:
			if !open {
				t.Fatal("the stream has ended")
			}
			if strings.Contains(line, text) {
				return
			}
		case <-late:
			t.Fatal("the message does not come")
		}
	}
}
