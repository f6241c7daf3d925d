package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"restante/internal/chat"
)

// hubMessage is a message of the hub protocol.
type hubMessage struct {
	Type      int               `json:"type"`
	Target    string            `json:"target,omitempty"`
	Call      string            `json:"invocationId,omitempty"`
	Arguments []json.RawMessage `json:"arguments,omitempty"`
	Result    json.RawMessage   `json:"result,omitempty"`
	Error     string            `json:"error,omitempty"`
}

// hubLink is an open connection to the hub.
type hubLink struct {
	send    func(payload []byte) error
	receive func() ([]byte, error) // some whole messages
}

const recordEnd = "\x1e"

// followHub connects to the hub over a transport and calls first with the connection. It reads until the connection ends.
func (r *epochReader) followHub(ctx context.Context, transport string, first func(*epochReader, *hubLink) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	link, err := r.open(ctx, transport)
	if err != nil {
		return err
	}
	if err := first(r, link); err != nil {
		return err
	}
	for {
		payload, err := link.receive()
		if err != nil {
			return err
		}
		for text := range strings.SplitSeq(string(payload), recordEnd) {
			if text == "" || text == "{}" {
				continue
			}
			var m hubMessage
			if err := json.Unmarshal([]byte(text), &m); err != nil {
				return fmt.Errorf("%w in %q", err, text)
			}
			if err := r.takeHub(ctx, link, m); err != nil {
				return err
			}
		}
	}
}

func (r *epochReader) takeHub(ctx context.Context, link *hubLink, m hubMessage) error {
	switch {
	case m.Error != "" || m.Type == 7:
		return fmt.Errorf("the hub says %+v", m)
	case m.Target == "Reset":
		var reset chat.Reset
		err := json.Unmarshal(m.Arguments[0], &reset)
		r.told(reset.Epoch, &reset)
		return err
	case m.Target == "ReceiveMessage":
		var e entry
		err := json.Unmarshal(m.Arguments[0], &e)
		r.add(e)
		return err
	case m.Type == 3:
		var a answer
		if err := json.Unmarshal(m.Result, &a); err != nil {
			return err
		}
		r.told(a.Epoch, a.Reset)
		if a.Messages != nil {
			r.add(a.Messages...)
			rest(ctx)
			return pollHub(r, link)
		}
	}
	return nil
}

// call invokes a method with the room and the cursor.
func (r *epochReader) call(link *hubLink, method string, more ...any) error {
	after, epoch := r.cursor()
	cursor := map[string]any{"after": after}
	if epoch != "" {
		cursor["epoch"] = epoch
	}
	text, err := json.Marshal(map[string]any{
		"type": 1, "invocationId": "1", "target": method, "arguments": append([]any{r.room, cursor}, more...),
	})
	if err != nil {
		return err
	}
	return link.send(append(text, recordEnd...))
}

func joinHub(r *epochReader, link *hubLink) error { return r.call(link, "JoinRoom") }
func pollHub(r *epochReader, link *hubLink) error { return r.call(link, "GetMessagesSince", 500) }

// open opens a connection to the hub that has joined no room, and sends the handshake.
func (r *epochReader) open(ctx context.Context, transport string) (*hubLink, error) {
	resp, err := r.post(ctx, "/messageHub/negotiate?negotiateVersion=1&room=", nil)
	if err != nil {
		return nil, err
	}
	var negotiated struct{ ConnectionToken string }
	if err := json.Unmarshal(resp, &negotiated); err != nil {
		return nil, err
	}
	path := "/messageHub?room=&id=" + url.QueryEscape(negotiated.ConnectionToken)
	link := &hubLink{send: func(payload []byte) error {
		_, err := r.post(ctx, path, payload)
		return err
	}}
	switch transport {
	case "WebSockets":
		err = r.openWebSocket(ctx, link, path)
	case "ServerSentEvents":
		err = r.openEvents(ctx, link, path)
	default: // each poll is a request; the first one is answered at once and opens the transport
		if _, err = r.poll(ctx, path); err == nil {
			link.receive = func() ([]byte, error) { return r.poll(ctx, path) }
		}
	}
	if err != nil {
		return nil, err
	}
	return link, link.send([]byte(`{"protocol":"json","version":1}` + recordEnd))
}

func (r *epochReader) post(ctx context.Context, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", resp.Status, text)
	}
	return text, err
}

func (r *epochReader) poll(ctx context.Context, path string) ([]byte, error) {
	resp, err := r.get(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}

func (r *epochReader) openWebSocket(ctx context.Context, link *hubLink, path string) error {
	conn, early, _, err := ws.Dial(ctx, strings.Replace(r.url, "http://", "ws://", 1)+path)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	stream := struct {
		io.Reader
		io.Writer
	}{conn, conn}
	if early != nil { // it holds what came with the answer
		stream.Reader = early
	}
	link.send = func(payload []byte) error { return wsutil.WriteClientText(conn, payload) }
	link.receive = func() ([]byte, error) { return wsutil.ReadServerText(stream) }
	return nil
}

func (r *epochReader) openEvents(ctx context.Context, link *hubLink, path string) error {
	resp, err := r.get(ctx, path, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	link.receive = func() ([]byte, error) {
		for {
			line, err := lines.ReadString('\n')
			if data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data: "); ok || err != nil {
				return []byte(data), err
			}
		}
	}
	return nil
}
