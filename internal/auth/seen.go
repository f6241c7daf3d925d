package auth

import (
	"crypto/sha256"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxSeen is how many tokens are remembered. What is in them is a few hundred bytes, as a rule.
const maxSeen = 8192

// seen remembers tokens that were valid, by their hash, so that a client pays for its signature once. It forgets those
// that have expired, and those that were checked with another key set.
type seen struct {
	clients *lru.Cache[[sha256.Size]byte, verdict]
}

type verdict struct {
	client *Client
	by     *fetchedKeys // the key set at that time
}

func newSeen() *seen {
	clients, err := lru.New[[sha256.Size]byte, verdict](maxSeen)
	if err != nil {
		panic(fmt.Sprintf("auth: a cache of %d: %v", maxSeen, err)) // only a size below 1 can be wrong
	}
	return &seen{clients}
}

// get returns the client of a token that is known to be valid with this key set, or nil.
func (s *seen) get(token string, by *fetchedKeys) *Client {
	if len(token) > maxToken {
		return nil
	}
	hash := sha256.Sum256([]byte(token))
	known, ok := s.clients.Get(hash)
	if !ok {
		return nil
	}
	if known.by != by || time.Now().After(known.client.Expires) {
		s.clients.Remove(hash)
		return nil
	}
	return known.client
}

func (s *seen) add(token string, by *fetchedKeys, client *Client) {
	s.clients.Add(sha256.Sum256([]byte(token)), verdict{client, by})
}
