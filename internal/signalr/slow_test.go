package signalr

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestConn_WritesFrames(t *testing.T) {
	r := newRig(t, Config{})
	c := r.connect("json")
	conn := r.nextConn()
	for _, size := range []int{1, 125, 126, 65535, 65536, 200_000} {
		payload := strings.Repeat("x", size)
		if err := write(t.Context(), conn, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		c.expect(ws.OpText, payload)
	}
	if conn.Transport() != WebSockets || conn.Protocol() != JSON || conn.ID() == "" {
		t.Errorf("%v %v %q", conn.Transport(), conn.Protocol(), conn.ID())
	}
	conn.Close("", false)
	if !conn.TryWrite([]byte("x")) || !errors.Is(write(context.Background(), conn, []byte("x")), ErrClosed) || !errors.Is(conn.Wait(context.Background()), ErrClosed) {
		t.Error("a closed connection takes nothing")
	}
}

// number returns a payload that begins with n and does not repeat itself. Some are larger than all buffers between server
// and client.
func number(noise []byte, n uint32) []byte {
	size := 3000
	if n%200 == 7 {
		size = 8 << 20
	}
	b := bytes.Clone(noise[n : int(n)+size])
	binary.BigEndian.PutUint32(b, n)
	return b
}

func TestConn_SlowReaderLosesNothing(t *testing.T) {
	r := newRig(t, Config{})
	c := r.connect("messagepack")
	conn := r.nextConn()
	const total = 2000
	noise := make([]byte, 8<<20+total)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	refused := 0
	done := make(chan error, 1)
	go func() {
		for n := range uint32(total) {
			payload := number(noise, n)
			if conn.TryWrite(payload) {
				clear(payload) // the connection must not have kept it
				continue
			}
			refused++
			if err := write(context.Background(), conn, payload); err != nil {
				done <- err
				return
			}
			clear(payload)
		}
		done <- nil
	}()
	for n := range uint32(total) {
		if n%100 == 0 {
			time.Sleep(time.Millisecond) //nolint:forbidigo // the reader is slow; nothing depends on how slow
		}
		f := c.read()
		if !bytes.Equal(f.Payload, number(noise, n)) {
			t.Fatalf("frame %d: %d bytes, number %d", n, len(f.Payload), binary.BigEndian.Uint32(f.Payload))
		}
	}
	if err := await(t, done); err != nil {
		t.Fatal(err)
	}
	if refused == 0 {
		t.Error("the reader was never behind: the test shows nothing")
	}
}

func TestConn_StuckReaderIsRefusedAndForgotten(t *testing.T) {
	r := newRig(t, Config{SendBuffer: 16 << 10})
	r.connect("json")
	conn := r.nextConn()
	stick(t, conn)
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 2)
	go func() { waited <- write(ctx, conn, []byte("x")) }()
	cancel()
	if err := await(t, waited); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
	go func() { waited <- conn.Wait(context.Background()) }()
	go func() { waited <- write(context.Background(), conn, []byte("x")) }()
	closed := time.Now()
	conn.Close("", true)
	await(t, waited)
	err := await(t, waited)
	if time.Since(closed) > closeWait/2 {
		t.Errorf("waiters were woken after %s", time.Since(closed))
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if !conn.TryWrite([]byte("x")) {
		t.Error("TryWrite after Close")
	}
	r.server.Close()
}

// stick writes until the connection accepts nothing more.
func stick(t *testing.T, conn *Conn) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		err := write(ctx, conn, make([]byte, 60<<10))
		cancel()
		if err != nil {
			return
		}
	}
}

func TestConn_ClientThatDoesNotReadItsAnswersIsNotReadFrom(t *testing.T) {
	r := newRig(t, Config{SendBuffer: 16 << 10})
	c := r.connect("json")
	call := `{"type":1,"invocationId":"1","target":"Echo","arguments":["` + strings.Repeat("x", 60<<10) + `"]}` + "\x1e"
	frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(call))))
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; sent < 10_000; sent++ {
		_ = c.conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := c.conn.Write(frame); err != nil {
			break // the server has stopped reading
		}
	}
	if sent == 10_000 {
		t.Fatal("600 MB of calls were taken without an answer read")
	}
	for range sent { // all complete calls are answered, now that space is free
		if f := c.read(); len(f.Payload) < 60<<10 {
			t.Fatalf("%q", f.Payload)
		}
	}
}
