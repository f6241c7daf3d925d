package forward

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"restante/internal/nodetls"
	"restante/internal/peer"
)

// BenchmarkForwarder measures a short request that is sent to another node over a kept connection, with both nodes in one process.
func BenchmarkForwarder(b *testing.B) {
	own, err := nodetls.New()
	if err != nil {
		b.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	for _, name := range []string{"plain", "TLS"} {
		b.Run(name, func(b *testing.B) {
			far := httptest.NewUnstartedServer(handler)
			node := peer.Node{ID: "far"}
			if name == "TLS" {
				node.Key = own.Fingerprint()
				far.Listener, far.Config.ConnContext = own.Listener(far.Listener), nodetls.ConnContext
			}
			far.Start()
			defer far.Close()
			node.URL = far.URL
			table := peer.NewTable(peer.Node{ID: "near"})
			table.Heard(node, time.Now())
			f := New(table, Config{Own: own})
			defer f.nodes.closeIdle()
			body := strings.Repeat("x", 128)
			for b.Loop() {
				w := httptest.NewRecorder()
				f.ToNode("far").ServeHTTP(w, httptest.NewRequest("POST", "/messageHub", strings.NewReader(body)))
				if w.Code != http.StatusOK || w.Body.Len() != len(body) {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
