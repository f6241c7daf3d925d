package auth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// fakeSet is a key set whose answers come from a function, so that a test may use fake time.
func fakeSet(t *testing.T, answer func(context.Context) (string, error)) *keySet {
	s := newKeySet("", &url.URL{Scheme: "https", Host: "id.example.org"}, Config{}.withDefaults(), newMetrics())
	s.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := answer(r.Context())
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
	s.start(t.Context())
	t.Cleanup(s.stop)
	return s
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestKeySet_IsFetchedAgainAndAgain(t *testing.T) {
	set := setOf(t, "rsa")
	synctest.Test(t, func(t *testing.T) {
		var fetches []time.Duration
		begin := time.Now()
		fakeSet(t, func(context.Context) (string, error) {
			fetches = append(fetches, time.Since(begin))
			return set, nil
		})
		time.Sleep(10 * refreshEvery) // fake time
		synctest.Wait()
		if len(fetches) < 9 || len(fetches) > 13 {
			t.Errorf("fetched at %v, want about every %v", fetches, refreshEvery)
		}
	})
}

func TestKeySet_PausesGrowDuringAnOutage(t *testing.T) {
	set := setOf(t, "rsa")
	synctest.Test(t, func(t *testing.T) {
		fetches := make(chan time.Time, 1000)
		var up atomic.Bool
		s := fakeSet(t, func(context.Context) (string, error) {
			fetches <- time.Now()
			if !up.Load() {
				return "", errors.New("connection refused")
			}
			return set, nil
		})
		time.Sleep(time.Hour) // fake time
		synctest.Wait()
		var pauses []time.Duration
		last := <-fetches
		for range len(fetches) {
			at := <-fetches
			pauses = append(pauses, at.Sub(last))
			last = at
		}
		if n := len(pauses); n < 40 || n > 150 || pauses[0] > 2*time.Second || pauses[n-1] < maxRetry/2 {
			t.Errorf("in an hour of outage fetched after pauses of %v", pauses)
		}
		up.Store(true)
		time.Sleep(2 * maxRetry) // fake time
		synctest.Wait()
		if s.known.Load() == nil {
			t.Error("not fetched after the outage")
		}
	})
}

func TestKeySet_ManyUnknownKeysMakeFewFetches(t *testing.T) {
	set := setOf(t, "rsa")
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		s := fakeSet(t, func(context.Context) (string, error) {
			fetches.Add(1)
			time.Sleep(time.Second) // fake time
			return set, nil
		})
		time.Sleep(lookupEvery) // fake time
		fetches.Store(0)
		begin := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				for time.Since(begin) < 4*lookupEvery {
					if known, err := s.lookup(t.Context(), jose.Header{Algorithm: "RS256", KeyID: "unknown"}); known == nil || err != nil {
						t.Error(known, err)
					}
					time.Sleep(time.Second / 2) // fake time
				}
			})
		}
		all.Wait()
		if n := fetches.Load(); n < 3 || n > 5 {
			t.Errorf("%d fetches in %v, want one every %v", n, 4*lookupEvery, lookupEvery)
		}
	})
}

func TestKeySet_NoRequestWaitsForever(t *testing.T) {
	set := setOf(t, "rsa")
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		s := fakeSet(t, func(ctx context.Context) (string, error) {
			if hangs.Load() {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return set, nil
		})
		hangs.Store(true)
		time.Sleep(lookupEvery) // fake time
		unknown := jose.Header{Algorithm: "RS256", KeyID: "unknown"}

		begin := time.Now()
		if known, err := s.lookup(t.Context(), unknown); known == nil || err != nil || time.Since(begin) != fetchTimeout {
			t.Errorf("after %v: %v, %v; want the known keys after %v", time.Since(begin), known, err, fetchTimeout)
		}
		time.Sleep(lookupEvery) // fake time
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if _, err := s.lookup(ctx, unknown); err != nil || time.Since(begin) > time.Second {
			t.Errorf("after %v: %v; want an end with the request", time.Since(begin), err)
		}
		time.Sleep(time.Minute) // fake time
		var waiting sync.WaitGroup
		waiting.Go(func() { s.lookup(context.Background(), unknown) })
		synctest.Wait()
		s.stop()
		waiting.Wait()
		time.Sleep(lookupEvery) // fake time
		s.lookup(context.Background(), unknown)
	})
}

func TestKeySet_ARequestDuringAFetchWaitsForIt(t *testing.T) {
	set := setOf(t, "rsa")
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		s := fakeSet(t, func(context.Context) (string, error) {
			if fetches.Add(1) == 1 {
				return "", errors.New("connection refused")
			}
			time.Sleep(3 * time.Second) // fake time
			return set, nil
		})
		time.Sleep(2 * time.Second) // fake time
		synctest.Wait()
		if known, err := s.lookup(t.Context(), jose.Header{Algorithm: "RS256", KeyID: "rsa"}); err != nil || fetches.Load() != 2 {
			t.Errorf("%v, %v after %d fetches, want the keys of the second", known, err, fetches.Load())
		}
	})
}
