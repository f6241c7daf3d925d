package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Post makes one attempt to send a message to the server at base, over a new connection, and returns the HTTP status.
func Post(ctx context.Context, base string, send *Send) (int, error) {
	host, err := hostOf(base)
	if err != nil {
		return 0, err
	}
	p := &poster{host: host, timeout: 30 * time.Second}
	defer p.close()
	return p.post(ctx, send)
}

// poster is one HTTP/1.1 connection that posts messages, one at a time. It costs a fraction of http.Client, so that a
// benchmark measures the server and not its own client.
type poster struct {
	host    string
	timeout time.Duration
	conn    net.Conn
	in      *bufio.Reader
	out     bytes.Buffer
	body    bytes.Buffer
	answers map[int]int
}

// post makes one attempt and returns the HTTP status, or 0 and an error when there was no answer. It blocks until the
// answer, the time limit, or the end of ctx if that comes before the attempt.
func (p *poster) post(ctx context.Context, send *Send) (int, error) {
	status, err := p.attempt(ctx, send)
	if err != nil {
		p.close()
	}
	if p.answers == nil {
		p.answers = map[int]int{}
	}
	p.answers[status]++
	return status, err
}

func (p *poster) attempt(ctx context.Context, send *Send) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if p.conn == nil {
		d := net.Dialer{Timeout: p.timeout}
		conn, err := d.DialContext(ctx, "tcp", p.host)
		if err != nil {
			return 0, fmt.Errorf("post %s: %w", send.ID, err)
		}
		p.conn, p.in = conn, bufio.NewReader(conn)
	}
	if err := p.conn.SetDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, fmt.Errorf("post %s: %w", send.ID, err)
	}
	conn := p.conn // the function below may run while or after the attempt ends, which can set p.conn to nil
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := p.write(send); err != nil {
		return 0, fmt.Errorf("post %s: %w", send.ID, err)
	}
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return 0, fmt.Errorf("post %s: %w", send.ID, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, fmt.Errorf("post %s: %w", send.ID, err)
	}
	if resp.Close {
		p.close()
	}
	return resp.StatusCode, nil
}

func (p *poster) write(send *Send) error {
	p.body.Reset()
	enc := json.NewEncoder(&p.body)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		ID       string `json:"id"`
		ClientID string `json:"client_id"`
		Msg      string `json:"msg"`
	}{send.ID, send.ClientID, send.Text})
	if err != nil {
		return err
	}
	p.out.Reset()
	fmt.Fprintf(&p.out, "POST /rooms/%s/messages HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		send.Room, p.host, p.body.Len())
	p.out.Write(p.body.Bytes())
	_, err = p.conn.Write(p.out.Bytes())
	return err
}

func (p *poster) close() {
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}
