package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/load"
)

// streams are readers of the rooms over GET /rooms/{room}/events. Like a browser's EventSource, they reconnect with the
// id of the last event.
type streams struct {
	t       *testing.T
	w       *work
	cancel  context.CancelFunc
	running sync.WaitGroup
	all     []*eventSource
}

type eventSource struct {
	room     *room
	url      string
	position atomic.Int64
	id       string // of the last event, as the server wrote it; "" before the first one
	reading  load.Reading
}

// startStreams starts n streams for each room.
func startStreams(t *testing.T, w *work, url string, n int) *streams {
	ctx, cancel := context.WithCancel(t.Context())
	s := &streams{t: t, w: w, cancel: cancel}
	t.Cleanup(func() {
		cancel()
		s.running.Wait()
	})
	for _, r := range w.rooms {
		for range n {
			e := &eventSource{room: r, url: url, reading: load.Reading{Room: r.name}}
			s.all = append(s.all, e)
			s.running.Go(func() { e.run(ctx) })
		}
	}
	return s
}

// wait returns when every stream has reached the end of its room, and adds their readings to the evidence.
func (s *streams) wait() {
	s.t.Helper()
	ctx := within(s.t, limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, e := range s.all {
		last, err := load.LastSeq(ctx, s.w.cfg.Log, e.room.name)
		noError(s.t, err)
		for e.position.Load() < last && ctx.Err() == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				s.t.Errorf("event stream of %s has reached %d of %d", e.room.name, e.position.Load(), last)
			}
		}
	}
	s.cancel()
	s.running.Wait()
	for _, e := range s.all {
		e.reading.Last = e.position.Load()
		e.room.seen = append(e.room.seen, e.reading)
	}
}

// run reads until ctx ends.
func (e *eventSource) run(ctx context.Context) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		e.reading.Err = e.connection(ctx, client)
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (e *eventSource) connection(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/rooms/"+e.room.name+"/events?after=0", nil)
	if err != nil {
		return err
	}
	if e.id != "" {
		req.Header.Set("Last-Event-ID", e.id)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("event stream: %s", resp.Status)
	}
	e.reading.Connects++
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	fields := map[string]string{}
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ": "); ok {
			fields[name] = value
		}
		if lines.Text() == "" { // an event is complete only after the empty line
			if err := e.take(fields); err != nil {
				return fmt.Errorf("event stream: %w", err)
			}
			clear(fields)
		}
	}
	return lines.Err()
}

// take handles one event, or the empty line after a comment.
func (e *eventSource) take(fields map[string]string) error {
	var err error
	switch fields["event"] {
	case "message":
		var m chat.Message
		if err = json.Unmarshal([]byte(fields["data"]), &m); err == nil {
			e.event(m.Seq)
		}
	case "reset":
		var to chat.Reset
		if err = json.Unmarshal([]byte(fields["data"]), &to); err == nil {
			e.reading.Resets++
			e.position.Store(to.After)
		}
	default:
		return nil
	}
	if err == nil {
		e.id = fields["id"]
	}
	return err
}

// event counts one event. A number that is skipped is lost; a number that is not higher than the last one is a repeat.
func (e *eventSource) event(seq int64) {
	e.reading.Seen++
	switch next := e.position.Load() + 1; {
	case seq == next:
		e.position.Store(seq)
	case seq > next:
		e.reading.Lost += seq - next
		e.position.Store(seq)
	default:
		e.reading.Repeated++
	}
}
