package server

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"restante/internal/auth"
	"restante/internal/limit"
)

// What nodes ask each other on behalf of a client takes nothing of the client's share, and a client's own request for such a path
// does.
func TestIdentify_QuestionsOfNodesAreNotLimited(t *testing.T) {
	a := &access{
		asked:  func(r *http.Request) bool { return r.Header.Get("X-Proof") != "" },
		limits: limit.New(limit.Config{Requests: 1}), // two at once
	}
	client := &auth.Client{ID: "ann", Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)}
	ask := func(path, proof string) int {
		r := httptest.NewRequestWithContext(auth.With(t.Context(), client), http.MethodPost, path, nil)
		r.Header.Set("X-Proof", proof)
		sender, refused := a.identify(r)
		if refused != nil {
			return refused.Status
		}
		if sender.Name != "ann" || !sender.Issued.Equal(client.Issued) || !sender.Expires.Equal(client.Expires) {
			t.Errorf("%+v", sender)
		}
		return http.StatusOK
	}
	for range 20 {
		if status := ask("/messageHub/whereis", "yes"); status != http.StatusOK {
			t.Fatalf("the question of a node is answered %d", status)
		}
	}
	for _, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		if status := ask("/messageHub/whereis", ""); status != want {
			t.Errorf("the request of a client is answered %d, want %d", status, want)
		}
	}
	if status := ask("/messageHub/refresh", "yes"); status != http.StatusTooManyRequests {
		t.Errorf("what is no question is not limited: %d", status)
	}
}
