package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	fetchTimeout = 5 * time.Second
	maxKeySet    = 1 << 20 // bytes
	maxKeys      = 100
	maxRedirects = 3
)

// parseKeySetURL returns the URL of a key set.
func parseKeySetURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("--jwks-url: is not a URL such as https://id.example.org/.well-known/jwks.json")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, errors.New("--jwks-url: must be https, since anyone who can change the answer can make tokens; http is for loopback hosts only")
	}
	return u, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

func newFetchClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // a fetch every few minutes
	return &http.Client{
		Transport: transport,
		Timeout:   fetchTimeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			_, err := parseKeySetURL(r.URL.String())
			if err != nil || r.URL.Scheme != via[0].URL.Scheme || len(via) > maxRedirects {
				return errors.New("redirect to another scheme, to an unsafe address, or one too many")
			}
			return nil
		},
	}
}

// fetch fetches the set once. It blocks for fetchTimeout at most. The error omits the URL, which may hold a secret.
func (s *keySet) fetch(ctx context.Context) (*fetchedKeys, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := s.client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("more than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}

// parseKeySet returns the usable keys of a JWK set. Keys for other purposes are left out (RFC 7517 section 5), and so are private
// keys. A set without a usable key is an error: it is probably a mistake.
func parseKeySet(body []byte) (*fetchedKeys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the answer is not a key set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, more than %d", len(set.Keys), maxKeys)
	}
	fetched := &fetchedKeys{body: body}
	for _, member := range set.Keys {
		k, err := parseJWK(member)
		switch {
		case err == nil:
			fetched.keys = append(fetched.keys, k)
		case errors.Is(err, errPrivate):
			fetched.private++
		}
	}
	if len(fetched.keys) == 0 {
		return nil, errors.New("the answer has no key that signs tokens")
	}
	return fetched, nil
}
