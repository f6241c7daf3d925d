package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// bytesClient is a client of stateful reconnect that shares no code with the server: it counts messages as HubProtocol.md says. It
// sends to the room "bytes" and reads it.
type bytesClient struct {
	url string

	mu       sync.Mutex
	conn     net.Conn
	reader   io.ReadWriter // of conn
	calls    int           // so far
	kept     []string      // the calls that the server has not acknowledged, of which the last one has the number calls
	next     int64         // number of the server's next message
	handled  int64         // number of the last one that was handled
	seqs     []int64       // of the messages of the room, in the order in which they came
	answered map[string]int
	done     bool
	fault    error
}

// startBytes connects a bytesClient, which then sends calls. It returns functions that tell the number of the last message that
// it has handled, and that stop it and check what it has received.
func startBytes(t *testing.T, base string) (handled func() int64, stop func()) {
	t.Helper()
	resp, err := http.Post(base+"/messageHub/negotiate?negotiateVersion=1&useStatefulReconnect=true", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var offer struct {
		ConnectionToken      string `json:"connectionToken"`
		UseStatefulReconnect bool   `json:"useStatefulReconnect"`
	}
	if err := json.Unmarshal([]byte(bodyOf(resp)), &offer); err != nil || !offer.UseStatefulReconnect {
		t.Fatalf("negotiate: %+v (%v)", offer, err)
	}
	c := &bytesClient{next: 1, answered: map[string]int{}}
	c.url = strings.Replace(base, "http", "ws", 1) + "/messageHub?room=bytes&client_id=bytes&id=" + offer.ConnectionToken
	if err := c.dial(t.Context(), func() { c.write(`{"protocol":"json","version":2}`) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.fault != nil {
			t.Errorf("the client that speaks bytes: %v", c.fault)
		}
	})
	sending, stopSending := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.read(t.Context()) })
	running.Go(func() { c.send(sending) })
	handled = func() int64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.handled
	}
	return handled, func() {
		t.Helper()
		stopSending()
		eventually(t, "the client that speaks bytes has everything", c.complete)
		c.end()
		running.Wait()
		c.check(t)
	}
}

// dial opens a WebSocket, and begins it with what first writes.
func (c *bytesClient) dial(ctx context.Context, first func()) error {
	conn, early, _, err := ws.Dial(ctx, c.url)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.reader = conn, conn
	if early != nil {
		c.reader = struct {
			io.Reader
			io.Writer
		}{early, conn}
	}
	first()
	return nil
}

// write writes a record. If it fails, read finds out. The caller holds mu.
func (c *bytesClient) write(text string) { _ = wsutil.WriteClientText(c.conn, []byte(text+"\x1e")) }

// resume begins a WebSocket that continues the connection: with the number of what follows, and that again.
func (c *bytesClient) resume() {
	c.write(fmt.Sprintf(`{"type":9,"sequenceId":%d}`, c.calls-len(c.kept)+1))
	for _, call := range c.kept {
		c.write(call)
	}
}

// read reads until the client ends. Whenever its WebSocket does, it opens another one, once.
func (c *bytesClient) read(ctx context.Context) {
	for {
		c.mu.Lock()
		reader := c.reader
		c.mu.Unlock()
		data, err := wsutil.ReadServerText(reader)
		if err == nil {
			c.receive(string(data))
			continue
		}
		c.mu.Lock()
		over := c.done || c.fault != nil
		c.mu.Unlock()
		if over {
			return
		}
		if err := c.dial(ctx, c.resume); err != nil {
			c.fail(fmt.Errorf("come back: %w", err))
			return
		}
	}
}

// receive handles the records of a frame.
func (c *bytesClient) receive(data string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for text := range strings.SplitSeq(strings.TrimSuffix(data, "\x1e"), "\x1e") {
		var m struct {
			Type         int    `json:"type"`
			SequenceID   int64  `json:"sequenceId"`
			InvocationID string `json:"invocationId"`
			Error        string `json:"error"`
			Arguments    []struct {
				Seq int64 `json:"seq"`
			} `json:"arguments"`
		}
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			c.fault = fmt.Errorf("%q: %w", text, err)
			return
		}
		switch m.Type {
		case 1, 3:
			number := c.next
			if c.next++; number <= c.handled {
				continue
			}
			if c.handled = number; m.Type == 1 {
				c.seqs = append(c.seqs, m.Arguments[0].Seq)
			} else {
				c.answered[m.InvocationID+m.Error]++
			}
			if number%20 == 0 {
				c.write(fmt.Sprintf(`{"type":8,"sequenceId":%d}`, number))
			}
		case 7:
			if c.done {
				return // its answer to the client's own
			}
			c.fault = fmt.Errorf("the server has ended the connection: %s", text)
		case 8:
			c.kept = c.kept[max(0, len(c.kept)-c.calls+int(m.SequenceID)):]
		case 9:
			c.next = m.SequenceID
		}
	}
}

// send calls SendMessage until ctx is done, so often that a replay, whose messages are written one by one, ends before the next cut:
// what is kept for a client that never gets all of it has a bound.
func (c *bytesClient) send(ctx context.Context) {
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		c.mu.Lock()
		c.calls++
		call := fmt.Sprintf(`{"type":1,"invocationId":"%d","target":"SendMessage","arguments":["bytes","text %[1]d"]}`, c.calls)
		c.kept = append(c.kept, call)
		c.write(call)
		c.mu.Unlock()
	}
}

func (c *bytesClient) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = err
}

// complete reports whether every call is answered and its message has come, or the client has failed.
func (c *bytesClient) complete() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault != nil || len(c.answered) >= c.calls && len(c.seqs) >= c.calls
}

func (c *bytesClient) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
	c.write(`{"type":7}`)
	_ = c.conn.Close()
}

func (c *bytesClient) check(t *testing.T) {
	t.Helper()
	if len(c.seqs) != c.calls {
		t.Errorf("it got %d messages, and has sent %d", len(c.seqs), c.calls)
	}
	for i, seq := range c.seqs {
		if seq != int64(i+1) {
			t.Errorf("message %d of the room came in place %d", seq, i+1)
			break
		}
	}
	for n := range c.calls {
		if id := strconv.Itoa(n + 1); c.answered[id] != 1 {
			t.Errorf("call %s was answered %d times without an error", id, c.answered[id])
		}
	}
}
