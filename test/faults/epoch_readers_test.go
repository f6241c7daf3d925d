package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
)

// entry is a message as a reader keeps it.
type entry struct {
	Seq int64
	ID  string
}

// epochReader is a client that keeps the log of a room, with the epoch that the server has told, and reads on from there
// whenever its connection has ended.
type epochReader struct {
	name    string // of the transport
	url     string
	room    string
	connect func(r *epochReader, ctx context.Context) error // reads until the connection ends

	mu     sync.Mutex
	log    []entry
	after  int64
	epoch  string
	event  string // id of the last event, of an event stream
	resets []chat.Reset
	faults []string
	last   error // of the last connection

	stop func()
}

// transports are the ways of reading that carry an epoch.
var transports = map[string]func(*epochReader, context.Context) error{
	"event stream": (*epochReader).followStream,
	"pages":        (*epochReader).pollPages,
	"since":        (*epochReader).pollSince,
	"hub pages":    func(r *epochReader, ctx context.Context) error { return r.followHub(ctx, "WebSockets", pollHub) },
	"WebSockets":   func(r *epochReader, ctx context.Context) error { return r.followHub(ctx, "WebSockets", joinHub) },
	"hub SSE":      func(r *epochReader, ctx context.Context) error { return r.followHub(ctx, "ServerSentEvents", joinHub) },
	"long polling": func(r *epochReader, ctx context.Context) error { return r.followHub(ctx, "LongPolling", joinHub) },
}

// startEpochReaders starts a reader of each transport at the beginning of a room.
func startEpochReaders(t *testing.T, url, room string) epochReaders {
	t.Helper()
	var all epochReaders
	for name, connect := range transports {
		r := &epochReader{name: name, url: url, room: room, connect: connect}
		r.start(t)
		all = append(all, r)
	}
	return all
}

// epochReaders are readers of one room.
type epochReaders []*epochReader

// pause makes the readers go away. They keep what they have.
func (all epochReaders) pause() {
	for _, r := range all {
		r.stop()
	}
}

// resume makes the readers come back.
func (all epochReaders) resume(t *testing.T) {
	for _, r := range all {
		r.start(t)
	}
}

// waitSeq waits until each reader has a number.
func (all epochReaders) waitSeq(t *testing.T, seq int64) {
	t.Helper()
	for _, r := range all {
		eventually(t, fmt.Sprintf("the reader over %s has number %d", r.name, seq), func() bool { return r.reached() >= seq })
	}
}

// check fails the test unless every reader holds exactly what is stored, as soon as it has had time to read it.
func (all epochReaders) check(t *testing.T, when string, stored []chat.Message) {
	t.Helper()
	want := make([]entry, len(stored))
	for i, m := range stored {
		want[i] = entry{m.Seq, m.ID}
	}
	for _, r := range all {
		ctx, cancel := context.WithTimeout(t.Context(), limit/2)
		for !slices.Equal(r.holds(), want) && ctx.Err() == nil {
			rest(ctx)
		}
		cancel()
		r.mu.Lock()
		if !slices.Equal(r.log, want) {
			t.Errorf("%s, %s: it holds %d messages up to %d, %d are stored; its connection ended with %v; resets %+v\n%s",
				when, r.name, len(r.log), r.after, len(want), r.last, r.resets, firstDifference(r.log, want))
		}
		if len(r.faults) > 0 {
			t.Errorf("%s, %s: %d faults, such as %s", when, r.name, len(r.faults), r.faults[0])
		}
		r.mu.Unlock()
	}
}

func firstDifference(got, want []entry) string {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("they differ at position %d: %v, want %v", i, got[i:min(i+1, len(got))], want[i:min(i+1, len(want))])
		}
	}
	return ""
}

// resetBy returns how many resets the readers have got for a reason.
func (all epochReaders) resetBy(reason chat.Reason) (n int) {
	for _, r := range all {
		r.mu.Lock()
		for _, reset := range r.resets {
			if reset.Reason == reason {
				n++
			}
		}
		r.mu.Unlock()
	}
	return n
}

func (r *epochReader) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := r.connect(r, ctx)
			r.mu.Lock()
			r.last = err
			r.mu.Unlock()
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	r.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(r.stop)
}

func (r *epochReader) holds() []entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log)
}

func (r *epochReader) reached() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.after
}

// cursor returns where the reader goes on.
func (r *epochReader) cursor() (after int64, epoch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.after, r.epoch
}

// query returns the cursor as a query has it.
func (r *epochReader) query() url.Values {
	after, epoch := r.cursor()
	q := url.Values{"after": {fmt.Sprint(after)}, "limit": {"500"}}
	if epoch != "" {
		q.Set("epoch", epoch)
	}
	return q
}

// add takes messages that follow what the reader has.
func (r *epochReader) add(messages ...entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		if m.Seq != r.after+1 {
			r.faults = append(r.faults, fmt.Sprintf("number %d after %d in epoch %s", m.Seq, r.after, r.epoch))
		}
		r.log, r.after = append(r.log, m), m.Seq
	}
}

// told notes the epoch of an answer, and does what a reset says: what the reader has after its number is gone.
func (r *epochReader) told(epoch string, reset *chat.Reset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reset == nil {
		if r.epoch != "" && r.epoch != epoch {
			r.faults = append(r.faults, fmt.Sprintf("epoch %s after %s without a reset", epoch, r.epoch))
		}
		r.epoch = epoch
		return
	}
	r.resets = append(r.resets, *reset)
	r.epoch, r.after = reset.Epoch, reset.After
	r.log = slices.DeleteFunc(r.log, func(m entry) bool { return m.Seq > reset.After })
}

func (r *epochReader) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return nil, fmt.Errorf("%s: %s", resp.Status, text)
	}
	return resp, nil
}

// followStream reads an event stream like an EventSource, which sends back the id of the last event.
func (r *epochReader) followStream(ctx context.Context) error {
	header := http.Header{}
	if r.event != "" {
		header.Set("Last-Event-ID", r.event)
	}
	resp, err := r.get(ctx, "/rooms/"+r.room+"/events?after=0", header)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var id, kind, data string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "id":
			id = value
		case name == "event":
			kind = value
		case name == "data":
			data = value
		case lines.Text() == "" && data != "": // the event is complete
			if err := r.takeEvent(kind, data); err != nil {
				return err
			}
			r.event, data = id, ""
		}
	}
	return lines.Err()
}

func (r *epochReader) takeEvent(kind, data string) error {
	if kind == "reset" {
		var reset chat.Reset
		err := json.Unmarshal([]byte(data), &reset)
		r.told(reset.Epoch, &reset)
		return err
	}
	var m entry
	err := json.Unmarshal([]byte(data), &m)
	r.add(m)
	return err
}

// answer is a page, or the answer to a join.
type answer struct {
	Messages []entry     `json:"messages"`
	Epoch    string      `json:"epoch"`
	Reset    *chat.Reset `json:"reset"`
}

const pollEvery = 50 * time.Millisecond

// rest waits until the next poll.
func rest(ctx context.Context) {
	select {
	case <-time.After(pollEvery):
	case <-ctx.Done():
	}
}

// pollPages reads pages until one fails.
func (r *epochReader) pollPages(ctx context.Context) error {
	for ; ctx.Err() == nil; rest(ctx) {
		resp, err := r.get(ctx, "/rooms/"+r.room+"/messages?"+r.query().Encode(), nil)
		if err != nil {
			return err
		}
		var a answer
		err = json.NewDecoder(resp.Body).Decode(&a)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		r.told(a.Epoch, a.Reset)
		r.add(a.Messages...)
	}
	return nil
}

// pollSince reads the arrays of /messages/since, whose headers tell the epoch.
func (r *epochReader) pollSince(ctx context.Context) error {
	for ; ctx.Err() == nil; rest(ctx) {
		resp, err := r.get(ctx, "/messages/since?room="+r.room+"&"+r.query().Encode(), nil)
		if err != nil {
			return err
		}
		var messages []entry
		var reset *chat.Reset
		err = json.NewDecoder(resp.Body).Decode(&messages)
		if text := resp.Header.Get("Restante-Reset"); text != "" {
			err = errors.Join(err, json.Unmarshal([]byte(text), &reset))
		}
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		r.told(resp.Header.Get("Restante-Epoch"), reset)
		r.add(messages...)
	}
	return nil
}
