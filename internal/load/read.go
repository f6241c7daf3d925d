package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"restante/internal/chat"
)

// ReaderConfig says how to read a room. Only URL is required.
type ReaderConfig struct {
	URL   string          // URL of the server, or of a proxy in front of it, http://host:port
	Room  string          // default "lobby"
	After int64           // the first cursor
	Gate  <-chan struct{} // when not nil: connect at once, but join only when it is closed

	Reconnect bool                                                                 // connect again, with the cursor, whenever the connection ends
	Backoff   time.Duration                                                        // pause before reconnecting; default 50 ms
	Latency   bool                                                                 // measure the time from a TimedText to its arrival
	IDs       bool                                                                 // compute a checksum of the ids, for Check
	Dial      func(ctx context.Context, network, address string) (net.Conn, error) // default net.Dialer
}

// Reading is what a reader has seen. A correct server leaves Lost, Repeated and OutOfOrder zero.
type Reading struct {
	Room        string
	After, Last int64 // the reader was to see everything from After+1 to Last
	Left        bool  // the reader was ended before it could see everything; the caller sets it for Check
	Seen        int64 // messages that arrived, including repeats
	Lost        int64 // numbers before Last that never arrived
	Repeated    int64
	OutOfOrder  int64 // arrived after a higher number
	Connects    int   // connections that have joined
	Resets      int   // how often the server has said that reading does not go on at the cursor
	Err         error // the error that ended the reader or, if it reconnects, its newest connection; nil after Stop
	Latencies   []time.Duration
	Pause       time.Duration // the longest time between a message and the next one

	sum uint64 // checksum of the ids of After+1 to Last, see chain
}

// Reader follows a room over a SignalR WebSocket with the JSON protocol. It keeps the epoch beside its number, and does what a
// reset says: then the reading is that of the present log. Run it once.
type Reader struct {
	cfg               ReaderConfig
	host              string
	connected, joined chan struct{} // closed at the first connection and the first join
	position          atomic.Int64  // the highest number before which nothing is missing

	// Used by Run's goroutine only.
	seen                  Reading
	next                  int64
	epoch                 string   // that the numbers are of; "" until the server has told it
	sums                  []uint64 // with IDs: the checksum from After+1 to each number
	early                 [][]byte // events that came before the answer to the join
	missing               map[int64]struct{}
	heard                 time.Time // when messages last arrived
	hint                  int
	isConnected, isJoined bool // state of the current connection
}

// NewReader returns a reader that is not connected yet.
func NewReader(cfg ReaderConfig) (*Reader, error) {
	host, err := hostOf(cfg.URL)
	if err != nil {
		return nil, err
	}
	cfg.Room = orDefault(cfg.Room, "lobby")
	cfg.Backoff = orDefault(cfg.Backoff, 50*time.Millisecond)
	r := &Reader{cfg: cfg, host: host, connected: make(chan struct{}), joined: make(chan struct{}), next: cfg.After + 1}
	r.position.Store(cfg.After)
	r.missing = map[int64]struct{}{}
	r.seen = Reading{Room: cfg.Room, After: cfg.After}
	return r, nil
}

// Connected returns a channel that is closed after the first handshake.
func (r *Reader) Connected() <-chan struct{} { return r.connected }

// Joined returns a channel that is closed when the server has answered the first JoinRoom.
func (r *Reader) Joined() <-chan struct{} { return r.joined }

// Position returns the highest number before which nothing is missing. It may be called at any time.
func (r *Reader) Position() int64 { return r.position.Load() }

// Run reads until ctx ends, or until the connection ends if the reader does not reconnect, and returns what it has
// seen.
func (r *Reader) Run(ctx context.Context) Reading {
	for {
		err := r.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		r.seen.Err = err
		if !r.cfg.Reconnect {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.cfg.Backoff):
		}
	}
	r.seen.Last, r.seen.Lost = r.next-1, int64(len(r.missing))
	return r.seen
}

// connection connects, joins from the cursor, and reads until the connection ends.
func (r *Reader) connection(ctx context.Context) error {
	d := ws.Dialer{Timeout: 30 * time.Second, NetDial: r.dial,
		Header: ws.HandshakeHeaderHTTP(http.Header{"User-Agent": {"restante-load"}})}
	conn, early, _, err := d.Dial(ctx, "ws://"+r.host+"/messageHub?room=")
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if early != nil {
		return errors.New("connect: the server sent data before the handshake")
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	r.isConnected, r.isJoined, r.early = false, false, nil
	in := &stream{control: func(op ws.OpCode, payload []byte) error { return control(conn, op, payload) }}
	hello := "{\"protocol\":\"json\",\"version\":1}\x1e"
	if r.cfg.Gate != nil && !r.isClosed(r.cfg.Gate) {
		if err := r.enter(ctx, conn, in, hello); err != nil {
			return err
		}
		hello = ""
	}
	if err := write(conn, hello+r.joinCall()); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	for {
		if err := r.read(conn, in); err != nil {
			return err
		}
	}
}

func (r *Reader) isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// enter makes the WebSocket and hub handshakes and waits at the gate.
func (r *Reader) enter(ctx context.Context, conn net.Conn, in *stream, hello string) error {
	if err := write(conn, hello); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	for !r.isConnected {
		if err := r.read(conn, in); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.cfg.Gate:
		return nil
	}
}

func (r *Reader) joinCall() string {
	cursor := strconv.FormatInt(r.position.Load(), 10)
	if r.epoch != "" {
		cursor = fmt.Sprintf("{\"after\":%s,\"epoch\":%q}", cursor, r.epoch)
	}
	return fmt.Sprintf("{\"type\":1,\"invocationId\":\"join\",\"target\":\"JoinRoom\",\"arguments\":[%q,%s]}\x1e", r.cfg.Room, cursor)
}

func (r *Reader) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dial := r.cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return dial(ctx, network, address)
}

// read processes the result of one read from the socket.
func (r *Reader) read(conn net.Conn, in *stream) error {
	if err := in.fill(conn); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	before := r.seen.Seen
	err := in.each(r.message)
	if r.seen.Seen > before {
		r.arrived(time.Now())
	}
	if len(r.missing) == 0 {
		r.position.Store(r.next - 1)
	}
	return err
}

// arrived records that messages have arrived.
func (r *Reader) arrived(now time.Time) {
	if !r.heard.IsZero() {
		r.seen.Pause = max(r.seen.Pause, now.Sub(r.heard))
	}
	r.heard = now
}

// message processes one hub message.
func (r *Reader) message(b []byte) error {
	if len(b) > len(invocation) && string(b[:len(invocation)]) == string(invocation) {
		if !r.isJoined { // the answer says whether the numbers follow the cursor
			r.early = append(r.early, bytes.Clone(b))
			return nil
		}
		return r.invoked(b)
	}
	var m hubMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("hub message %.200q: %w", b, err)
	}
	switch {
	case m.Type == 0 && m.Error == "" && !r.isConnected:
		r.isConnected = true
		once(r.connected)
	case m.Type == 3 && m.InvocationID == "join" && m.Error == "":
		return r.entered(m.Result)
	case m.Type == 6:
	case m.Type == 7:
		return &Closed{Reason: m.Error, AllowReconnect: m.AllowReconnect}
	default:
		return fmt.Errorf("unexpected hub message: %.200s", b)
	}
	return nil
}

// invoked processes a call of a client method.
func (r *Reader) invoked(b []byte) error {
	if seq, ok := seqOf(b, &r.hint); ok {
		r.event(seq, b)
		return nil
	}
	var m hubMessage
	var to chat.Reset
	if err := json.Unmarshal(b, &m); err != nil || m.Target != "Reset" || len(m.Arguments) != 1 || json.Unmarshal(m.Arguments[0], &to) != nil {
		return fmt.Errorf("event without a number: %.200s", b)
	}
	r.reset(to)
	return nil
}

// once closes a channel unless it is closed. Only this goroutine closes it.
func once(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

func (r *Reader) event(seq int64, b []byte) {
	r.seen.Seen++
	switch {
	case seq >= r.next:
		for ; r.next < seq; r.next++ {
			r.missing[r.next] = struct{}{}
			r.note(nil)
		}
		r.next++
		r.note(b)
	default:
		if _, late := r.missing[seq]; late {
			delete(r.missing, seq)
			r.seen.OutOfOrder++
		} else {
			r.seen.Repeated++
		}
	}
	if r.cfg.Latency {
		if t, ok := sentAt(b); ok {
			r.seen.Latencies = append(r.seen.Latencies, time.Since(t))
		}
	}
}

// note adds the id of an event to the checksum, the next one in the order of the numbers. nil is one that has not come.
func (r *Reader) note(event []byte) {
	if r.cfg.IDs {
		r.seen.sum = chain(r.seen.sum, idOf(event))
		r.sums = append(r.sums, r.seen.sum)
	}
}

// control answers a WebSocket control frame.
func control(conn net.Conn, op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		return ws.WriteFrame(conn, ws.MaskFrame(ws.NewPongFrame(payload)))
	case ws.OpClose:
		code, reason := ws.ParseCloseFrameData(payload)
		return fmt.Errorf("WebSocket closed with status code %d %s", code, reason)
	default:
		return nil
	}
}

func write(conn net.Conn, text string) error {
	return ws.WriteFrame(conn, ws.MaskFrame(ws.NewTextFrame([]byte(text))))
}
