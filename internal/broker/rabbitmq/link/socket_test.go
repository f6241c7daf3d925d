package link

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSocket_WritesDoNotBlock(t *testing.T) {
	ours, theirs := net.Pipe() // without a buffer: a write waits for its reader
	s := newSocket(ours)
	for range 100 {
		if _, err := s.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(theirs)
		read <- string(b)
	}()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := <-read; got != strings.Repeat("0123456789", 100) {
		t.Errorf("%d bytes have arrived", len(got))
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

func TestSocket_EndsWithoutAReader(t *testing.T) {
	for name, end := range map[string]func(s *socket){
		"Close": func(s *socket) { _ = s.Close() },
		"kill":  func(s *socket) { s.kill(); _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			ours, _ := net.Pipe()
			s := newSocket(ours)
			_, _ = s.Write([]byte("no one reads this"))
			began := time.Now()
			end(s)
			if took := time.Since(began); took > 5*flushWithin {
				t.Errorf("it took %v", took)
			}
		})
	}
}
