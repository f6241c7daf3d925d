// Package load puts load on a running server and checks its promises. Senders post messages and record each answer,
// readers follow rooms over SignalR WebSockets and record each number, and Check compares both with the log that the
// server serves. `restante bench` and the fault tests use it. It uses the server as any client does and knows none of
// its internals.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"restante/internal/chat"
)

// page is the answer of GET /rooms/{room}/messages.
type page struct {
	Messages  []chat.Message `json:"messages"`
	LastSeq   int64          `json:"last_seq"`
	OldestSeq int64          `json:"oldest_seq"`
}

// ReadRoom reads the log of a room after a number from the server at base, page by page until a page is empty. An
// answer other than 200 is an error.
func ReadRoom(ctx context.Context, base, room string, after int64) ([]chat.Message, error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var all []chat.Message
	for {
		q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(chat.MaxPage)}}
		var p page
		if err := getJSON(ctx, client, base+"/rooms/"+room+"/messages?"+q.Encode(), &p); err != nil {
			return nil, fmt.Errorf("read room %s after %d: %w", room, after, err)
		}
		if len(p.Messages) == 0 {
			return all, nil
		}
		all = append(all, p.Messages...)
		next := p.Messages[len(p.Messages)-1].Seq
		if next <= after {
			return nil, fmt.Errorf("read room %s after %d: page ends with %d", room, after, next)
		}
		after = next
	}
}

// LastSeq returns the number of the newest message of a room, 0 for a room without messages.
func LastSeq(ctx context.Context, base, room string) (int64, error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var p page
	if err := getJSON(ctx, client, base+"/rooms/"+room+"/messages?limit=1", &p); err != nil {
		return 0, fmt.Errorf("last number of room %s: %w", room, err)
	}
	return p.LastSeq, nil
}

// WaitStored returns when the room has at least as many messages as were accepted there, or with an error when ctx ends
// first. With RabbitMQ a message is accepted before it is stored.
func WaitStored(ctx context.Context, base, room string, sends []Send) error {
	accepted := int64(0)
	for i := range sends {
		if sends[i].Room == room && !sends[i].Accepted.IsZero() {
			accepted++
		}
	}
	return WaitSeq(ctx, base, room, accepted)
}

// WaitSeq returns when the room has the message with the number seq, or with an error when ctx ends first.
func WaitSeq(ctx context.Context, base, room string, seq int64) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		last, err := LastSeq(ctx, base, room)
		if err == nil && last >= seq {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages of %s are stored: %w", last, seq, room, errors.Join(context.Cause(ctx), err))
		}
	}
}

func getJSON(ctx context.Context, client *http.Client, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// hostOf returns host:port of base, an http URL.
func hostOf(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", errors.New("the server's address is not a URL")
	}
	if u.Scheme != "http" || u.Host == "" {
		return "", errors.New("the server's address is not of the form http://host:port")
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80"), nil
	}
	return u.Host, nil
}
