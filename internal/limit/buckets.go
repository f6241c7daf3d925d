package limit

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// maxClients bounds how many clients are remembered, some 200 bytes each. A client that is forgotten starts with a full
// bucket, like a client that was quiet for two seconds.
const maxClients = 100_000

// buckets are the token buckets of clients.
type buckets struct {
	rate  rate.Limit
	burst int

	mu       sync.Mutex
	byClient *simplelru.LRU[clientKey, *rate.Limiter]
}

// newBuckets returns buckets of a rate per second, nil for a negative one: then no client has to wait.
func newBuckets(perSecond int) *buckets {
	if perSecond < 0 {
		return nil
	}
	lru, err := simplelru.NewLRU[clientKey, *rate.Limiter](maxClients, nil)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &buckets{rate: rate.Limit(perSecond), burst: 2 * perSecond, byClient: lru}
}

// take takes a token from the client's bucket, or returns how long the client must wait for one.
func (b *buckets) take(client clientKey) (wait time.Duration) {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter, ok := b.byClient.Get(client)
	if !ok {
		limiter = rate.NewLimiter(b.rate, b.burst)
		b.byClient.Add(client, limiter)
	}
	now := time.Now()
	if limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - limiter.TokensAt(now)
	return max(time.Duration(missing/float64(b.rate)*float64(time.Second)), time.Nanosecond)
}
