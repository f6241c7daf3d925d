// Package nodes runs private RabbitMQ and PostgreSQL servers for tests and experiments, on free ports of 127.0.0.1,
// with their data in a temporary directory. A test can kill, pause and restart them. The package ends servers by
// process id. When the program that started a server dies, the server is killed too. It uses the programs of Debian's
// packages, those of the machine or those of another root directory, see RootVariable.
package nodes

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"time"
)

// ErrMissing is the error of a Start function when the programs of the server are not installed.
var ErrMissing = errors.New("not installed")

// startLimit bounds the start of one server.
const startLimit = 90 * time.Second

// FreePort returns a port on which no program listens. The port is below the range that the system uses for outgoing
// connections, so that it is still free when a killed server restarts.
func FreePort() (int, error) {
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port found")
}

// tail returns the end of a log file.
func tail(path string) string {
	text, _ := os.ReadFile(path) // an error needs no log
	return string(text[max(0, len(text)-4<<10):])
}

// dial opens a connection with a deadline of one second.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(time.Second))
}

// firstByte sends a greeting and returns the first byte of the answer.
func firstByte(ctx context.Context, addr, greeting string) (byte, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, greeting); err != nil {
		return 0, err
	}
	var b [1]byte
	_, err = io.ReadFull(conn, b[:])
	return b[0], err
}
