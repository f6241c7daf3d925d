package auth

import (
	"crypto/sha256"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxSeen is how many tokens are remembered, with a few hundred bytes each as a rule.
const maxSeen = 8192

// seen remembers valid tokens by their hash, so that the signature of each is checked once. It forgets tokens that have
// expired, and tokens that were checked with keys which are not in force any more.
type seen struct {
	clients *lru.Cache[[sha256.Size]byte, verdict]
}

type verdict struct {
	client *Client
	by     *fetchedKeys // the keys that the token was checked with
}

func newSeen() *seen {
	clients, err := lru.New[[sha256.Size]byte, verdict](maxSeen)
	if err != nil {
		panic(fmt.Sprintf("auth: a cache of %d: %v", maxSeen, err)) // only a size below 1 can be wrong
	}
	return &seen{clients}
}

// get returns the client of a token that is known to be valid, or nil. inForce reports whether keys are still in force.
func (s *seen) get(token string, inForce func(by *fetchedKeys) bool) *Client {
	if len(token) > maxToken {
		return nil
	}
	hash := sha256.Sum256([]byte(token))
	known, ok := s.clients.Get(hash)
	if !ok {
		return nil
	}
	if !inForce(known.by) || time.Now().After(known.client.Expires) {
		s.clients.Remove(hash)
		return nil
	}
	return known.client
}

func (s *seen) add(token string, by *fetchedKeys, client *Client) {
	s.clients.Add(sha256.Sum256([]byte(token)), verdict{client, by})
}
