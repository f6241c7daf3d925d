package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/testkit"
)

// halfClosing is how many messages are sent by clients that end their side of the connection after the request.
const halfClosing = 120

// postHalfClosed sends them to HOST:PORT. Every answer must be 202.
func postHalfClosed(t *testing.T, addr, room string) {
	t.Helper()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range halfClosing / 4 {
				body := fmt.Sprintf(`{"msg":"%d-%d","client_id":"ann"}`, worker, i)
				status, answer := testkit.HalfClosed(t, addr, "POST", "/rooms/"+room+"/messages", body, "Content-Type: application/json")
				if status != http.StatusAccepted {
					t.Errorf("%d %s", status, answer)
				}
			}
		})
	}
	wg.Wait()
}

// TestHalfClose_EveryStoredMessageIsAnswered202 on both shapes: directly, through a node that forwards, and through the load
// balancer, whose hub also gets its requests so.
func TestHalfClose_EveryStoredMessageIsAnswered202(t *testing.T) {
	t.Run("one machine", func(t *testing.T) {
		node := testkit.Start(t, testkit.Options{})
		b := startBalancer(t, node.Addr(), node.Addr())
		eventually(t, "the load balancer has nodes", b.healthy(t))
		for room, addr := range map[string]string{"direct": node.Addr(), "balanced": strings.TrimPrefix(b.url, "http://")} {
			postHalfClosed(t, addr, room)
			node.WaitSeq(room, halfClosing)
		}
		hubHalfClosed(t, strings.TrimPrefix(b.url, "http://"))
	})
	t.Run("many machines", func(t *testing.T) {
		cluster := testkit.NewCluster(t)
		api := cluster.Start(t, testkit.Options{}, "api", "consumer")
		hub, other := cluster.Start(t, testkit.Options{}, "hub"), cluster.Start(t, testkit.Options{}, "hub")
		b := balance(t, []string{api.Addr()}, []string{hub.Addr(), other.Addr()}, [2]string{"inter 2s", "inter 100ms"})
		eventually(t, "the load balancer has nodes", b.healthy(t))
		for room, addr := range map[string]string{"direct": api.Addr(), "forwarded": hub.Addr(), "balanced": strings.TrimPrefix(b.url, "http://")} {
			postHalfClosed(t, addr, room)
			api.WaitSeq(room, halfClosing)
		}
		hubHalfClosed(t, strings.TrimPrefix(b.url, "http://"))
	})
}

// hubHalfClosed uses a connection over long polling whose requests that change something end their side at once.
func hubHalfClosed(t *testing.T, addr string) {
	t.Helper()
	for i := range 5 {
		room := fmt.Sprintf("hub-%d", i)
		code, answer := testkit.HalfClosed(t, addr, "POST", "/messageHub/negotiate?negotiateVersion=1", "")
		var negotiated struct{ ConnectionToken string }
		if err := json.Unmarshal([]byte(answer), &negotiated); err != nil || code != http.StatusOK {
			t.Fatalf("negotiate: %d %s (%v)", code, answer, err)
		}
		hub := "/messageHub?client_id=ann&room=&id=" + negotiated.ConnectionToken
		if code := as(t, "", "GET", "http://"+addr+hub); code != http.StatusOK {
			t.Fatal("the first poll:", code)
		}
		for _, body := range []string{
			`{"protocol":"json","version":1}`,
			fmt.Sprintf(`{"type":1,"invocationId":"1","target":"SendMessage","arguments":[{"msg":"x","room":%q}]}`, room),
		} {
			if code, answer := testkit.HalfClosed(t, addr, "POST", hub, body+"\x1e"); code != http.StatusOK {
				t.Errorf("POST: %d %s", code, answer)
			}
		}
		eventually(t, "the message is stored", func() bool {
			_, body := status(t, "GET", "http://"+addr+"/rooms/"+room+"/messages?after=0")
			return strings.Contains(body, `"msg":"x"`)
		})
		if code, answer := testkit.HalfClosed(t, addr, "DELETE", hub, ""); code != http.StatusAccepted {
			t.Errorf("DELETE: %d %s", code, answer)
		}
	}
}

// TestBalancer_AClientThatHasGoneEndsItsStream: the load balancer does not keep an event stream, or a poll, of a client that has
// disconnected.
func TestBalancer_AClientThatHasGoneEndsItsStream(t *testing.T) {
	node := testkit.Start(t, testkit.Options{})
	b := startBalancer(t, node.Addr(), node.Addr())
	eventually(t, "the load balancer has nodes", b.healthy(t))
	for _, left := range []func(net.Conn) error{net.Conn.Close, func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() }} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /rooms/ops/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		open := func(n string) func() bool {
			return func() bool {
				_, metrics := status(t, "GET", node.URL()+"/metrics")
				return strings.Contains(metrics, "\nrestante_event_streams "+n+"\n")
			}
		}
		eventually(t, "the stream is open", open("1"))
		if err := left(conn); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		eventually(t, "the stream has ended", open("0"))
		if took := time.Since(begun); took > 5*time.Second { // well before anything is written to it
			t.Errorf("it took %v", took)
		}
	}
}
