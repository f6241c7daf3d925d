package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// bearer is how a request shows a token: values of the Authorization header, and of access_token in the query.
type bearer struct{ header, query []string }

// inHeader and inQuery show one token.
func inHeader(token string) bearer { return bearer{header: []string{"Bearer " + token}} }
func inQuery(token string) bearer  { return bearer{query: []string{token}} }

// site is a server. It sends single requests.
type site struct {
	t      *testing.T
	url    string
	client *http.Client
	limit  time.Duration // for a request, and for a connection: requestLimit, or longer
}

func newSite(t *testing.T, url string) *site {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{t: t, url: url, limit: requestLimit, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// requestLimit is how long a request may take, and how long a connection lasts that is made of requests, unless a test needs it longer.
const requestLimit = 20 * time.Second

// send sends a request and returns the answer, whose body is not read yet. header has names and values.
func (s *site) send(b bearer, method, path, body string, header ...string) *http.Response {
	s.t.Helper()
	for _, token := range b.query {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "access_token=" + url.QueryEscape(token)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	timer := time.AfterFunc(s.limit, cancel)
	s.t.Cleanup(func() { timer.Stop(); cancel() })
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	for _, value := range b.header {
		req.Header.Add("Authorization", value)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %.200s: %v", method, path, err)
	}
	return resp
}

// ask sends a request and returns the answer as text, and the body.
func (s *site) ask(b bearer, method, path, body string, header ...string) (answer string, content []byte) {
	s.t.Helper()
	resp := s.send(b, method, path, body, header...)
	defer resp.Body.Close()
	return s.read(resp)
}

// read reads an answer to its end. For a success the text is the status. For a refusal it is the status, code and
// detail, and the challenge: "401 unauthenticated: a token is needed [Bearer]".
func (s *site) read(resp *http.Response) (answer string, content []byte) {
	s.t.Helper()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", resp.Request.Method, resp.Request.URL.Path, err)
	}
	answer = fmt.Sprint(resp.StatusCode)
	switch {
	case resp.StatusCode < 300:
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json"):
		var p struct{ Code, Detail string }
		decode(s.t, content, &p)
		answer += " " + p.Code + ": " + p.Detail
	default:
		answer += " " + string(content)
	}
	if challenge := resp.Header.Values("WWW-Authenticate"); len(challenge) > 0 {
		answer += fmt.Sprint(" ", challenge)
	}
	return answer, content
}

// negotiate requests a connection token.
func (s *site) negotiate(b bearer) (id, answer string) {
	s.t.Helper()
	answer, content := s.ask(b, http.MethodPost, "/messageHub/negotiate?negotiateVersion=1", "")
	if answer != "200" {
		return "", answer
	}
	var n struct{ ConnectionToken string }
	decode(s.t, content, &n)
	return n.ConnectionToken, answer
}
