package faults

import (
	"crypto/tls"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"restante/internal/testkit"
)

// multiplexed is one hostile connection with HTTP/2, of raw frames.
type multiplexed struct {
	conn   *tls.Conn
	framer *http2.Framer
	next   uint32 // stream
}

// block compresses fields after those that every request has.
func block(path string, fields ...string) []byte {
	var b strings.Builder
	e := hpack.NewEncoder(&b)
	for i, all := 0, append([]string{":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", path}, fields...); i < len(all); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	return []byte(b.String())
}

// floods are what a hostile client repeats over a connection until that ends.
var floods = map[string]func(m *multiplexed) error{
	"rapid reset": func(m *multiplexed) error {
		stream := m.stream()
		err := m.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block("/rooms"), EndStream: true, EndHeaders: true})
		if err == nil {
			err = m.framer.WriteRSTStream(stream, http2.ErrCodeCancel)
		}
		return err
	},
	"continuations without an end": func(m *multiplexed) error {
		stream := m.stream()
		err := m.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block("/rooms")})
		for filler := block("/", "x-a", strings.Repeat("~", 10_000)); err == nil; {
			err = m.framer.WriteContinuation(stream, false, filler)
		}
		return err
	},
	"continuations without a byte": func(m *multiplexed) error {
		stream := m.stream()
		err := m.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block("/rooms")})
		for err == nil {
			err = m.framer.WriteContinuation(stream, false, nil)
		}
		return err
	},
	"large heads of many streams": func(m *multiplexed) error {
		return m.framer.WriteHeaders(http2.HeadersFrameParam{
			StreamID: m.stream(), BlockFragment: block("/rooms/lobby/events", "x-a", strings.Repeat("~", 10_000)), EndStream: true, EndHeaders: true,
		})
	},
	"fields that are repeated": func(m *multiplexed) error {
		fields := []string{}
		for range 2000 {
			fields = append(fields, "x-a", strings.Repeat("~", 50)) // one byte each from the second on
		}
		return m.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: m.stream(), BlockFragment: block("/rooms", fields...), EndStream: true, EndHeaders: true})
	},
	"settings": func(m *multiplexed) error { return m.framer.WriteSettings() },
	"pings":    func(m *multiplexed) error { return m.framer.WritePing(false, [8]byte{1}) },
	"frames that are promised": func(m *multiplexed) error {
		_, err := m.conn.Write([]byte("\x00\x40\x00\x00\x00\x00\x00\x00\x01")) // DATA of 16 KiB, of a stream that does not exist
		if err == nil {
			_, err = io.ReadFull(m.conn, make([]byte, 1<<20)) // until the server ends the connection
		}
		return err
	},
}

func (m *multiplexed) stream() uint32 {
	m.next += 2
	return m.next - 1
}

// HTTP/2 makes it cheap to ask for much. Whatever a client repeats, the server stays small, and others are answered.
func TestHTTP2_FloodsHarmNobodyElse(t *testing.T) {
	authority := testkit.NewAuthority(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	authority.Sign(cert, key)
	s := testkit.Start(t, testkit.Options{
		Limits: true, Roots: authority.Roots, Args: []string{"--tls-cert", cert, "--tls-key", key},
		Env: []string{"GOMEMLIMIT=230MiB"},
	})
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Roots, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(client.CloseIdleConnections)
	for name, again := range floods {
		t.Run(name, func(t *testing.T) {
			a := &attacker{server: s.Addr(), from: "127.0.0.7", ctx: t.Context()}
			until := time.Now().Add(2 * time.Second)
			for range 8 {
				a.work.Go(func() { a.multiplex(until, again) })
			}
			var slowest time.Duration
			for time.Now().Before(until) {
				began := time.Now()
				resp, err := client.Get(s.URL() + "/version")
				noError(t, err)
				_, _ = io.Copy(io.Discard, resp.Body)
				noError(t, resp.Body.Close())
				if resp.StatusCode != http.StatusOK {
					t.Errorf("another client is answered %s", resp.Status)
				}
				slowest = max(slowest, time.Since(began))
				<-time.After(20 * time.Millisecond) // fewer requests than the limit
			}
			a.leave()
			if most := mostResident(t, s); most > smallNode.most && !testkit.Race() {
				t.Errorf("%d MiB are resident at most", most>>20)
			}
			if slowest > 5*time.Second {
				t.Errorf("another client had to wait for %v", slowest)
			}
		})
	}
}

// multiplex repeats something over one connection after the other.
func (a *attacker) multiplex(until time.Time, again func(*multiplexed) error) {
	for time.Now().Before(until) {
		plain := a.dial()
		if plain == nil {
			return
		}
		_ = plain.SetDeadline(until)
		conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
		m := &multiplexed{conn: conn, framer: http2.NewFramer(conn, conn), next: 1}
		_, err := io.WriteString(conn, http2.ClientPreface)
		if err == nil {
			err = m.framer.WriteSettings()
		}
		for err == nil {
			err = again(m)
		}
		_ = conn.Close()
	}
}
