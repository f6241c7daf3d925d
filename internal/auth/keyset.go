package auth

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
)

const (
	refreshEvery = 5 * time.Minute  // a key that is taken out of the set is believed for as long; give or take a tenth
	lookAgain    = 10 * time.Second // the least time between a fetch and one for a token whose key is not in the set
	maxRetry     = time.Minute      // the longest pause after a fetch that failed
)

// fetchedKeys is what a key set was at some time. It is not changed once made.
type fetchedKeys struct {
	body []byte
	keys []key
}

// fit returns the keys that may have signed a token with this header. One that does not say which key it is of can only
// be of a key that is alone (OpenID Connect Core section 10.1): nobody shall make a server try hundreds.
func (f *fetchedKeys) fit(header jose.Header) (fitting []key) {
	for _, k := range f.keys {
		if k.fits(header) {
			fitting = append(fitting, k)
		}
	}
	if header.KeyID == "" && len(fitting) > 1 {
		return nil
	}
	return fitting
}

// keySet is a set of keys behind a URL, fetched again and again. One goroutine fetches; requests whose key is not there
// ask it to do so at once, and wait.
type keySet struct {
	name      string // the URL without what may be secret in it
	url       string
	client    *http.Client
	log       *slog.Logger
	refreshes *prometheus.CounterVec

	known   atomic.Pointer[fetchedKeys] // nil until the first one is there
	failing bool                        // of the fetching goroutine

	mu       sync.Mutex
	fetching bool
	tried    time.Time     // when the last fetch ended
	done     chan struct{} // closed when the next one ends
	asked    chan struct{} // of one: somebody waits for a fetch

	cancel  context.CancelFunc
	stopped chan struct{}
}

func newKeySet(location *url.URL, log *slog.Logger, refreshes *prometheus.CounterVec) *keySet {
	return &keySet{
		name:      location.Scheme + "://" + location.Host + location.Path,
		url:       location.String(),
		client:    newFetchClient(),
		log:       log,
		refreshes: refreshes,
		done:      make(chan struct{}),
		asked:     make(chan struct{}, 1),
		stopped:   make(chan struct{}),
	}
}

// start fetches the set once, and from then on in a goroutine of its own that stop ends.
func (s *keySet) start(ctx context.Context) {
	s.refresh(ctx)
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go s.run(ctx)
}

func (s *keySet) stop() {
	s.cancel()
	<-s.stopped
}

func (s *keySet) run(ctx context.Context) {
	defer close(s.stopped)
	retry := backoff.NewExponentialBackOff()
	retry.MaxInterval = maxRetry
	for {
		pause := refreshEvery*9/10 + rand.N(refreshEvery/5) //nolint:gosec // a pause
		if s.failing {
			pause = retry.NextBackOff()
		} else {
			retry.Reset()
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.asked:
			timer.Stop()
		case <-timer.C:
		}
		s.refresh(ctx)
	}
}

// refresh fetches the set once. When that fails the last one stays in force.
func (s *keySet) refresh(ctx context.Context) {
	s.mu.Lock()
	s.fetching = true
	s.mu.Unlock()

	fetched, err := s.fetch(ctx)
	if ctx.Err() == nil {
		s.note(fetched, err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetching, s.tried = false, time.Now()
	select {
	case <-s.asked: // who asked was served by this one
	default:
	}
	close(s.done)
	s.done = make(chan struct{})
}

// note keeps what was fetched, and tells the operator of what has changed. A set that is as it was stays the same one, so
// that tokens that were checked with it need not be checked again.
func (s *keySet) note(fetched *fetchedKeys, err error) {
	last := s.known.Load()
	if err != nil {
		s.refreshes.WithLabelValues("failed").Inc()
		if !s.failing {
			s.failing = true
			s.log.Warn("key set not fetched, trying again", "url", s.name, "known", last != nil, "err", err)
		}
		return
	}
	s.refreshes.WithLabelValues("ok").Inc()
	changed := last == nil || !bytes.Equal(last.body, fetched.body)
	if changed {
		s.known.Store(fetched)
	}
	if changed || s.failing {
		s.failing = false
		s.log.Info("key set fetched", "url", s.name, "keys", len(fetched.keys))
	}
}

// current returns the set that is in force, nil when there is none.
func (s *keySet) current() *fetchedKeys {
	if s == nil {
		return nil
	}
	return s.known.Load()
}

// lookFor returns a set that has keys for a token with this header, if need be after fetching it again, or else the set
// that is in force; an errs.Unavailable error if there is none.
func (s *keySet) lookFor(ctx context.Context, header jose.Header) (*fetchedKeys, error) {
	known := s.known.Load()
	if known != nil && (header.KeyID == "" || len(known.fit(header)) > 0) {
		return known, nil
	}
	s.fetchSoon(ctx)
	if known = s.known.Load(); known == nil {
		return nil, &errs.Error{Code: errs.Unavailable, Msg: "tokens cannot be checked now", RetryAfter: time.Second}
	}
	return known, nil
}

// fetchSoon waits for the fetch that is under way, or for one that begins now unless the last one was just before.
func (s *keySet) fetchSoon(ctx context.Context) {
	s.mu.Lock()
	done := s.done
	if !s.fetching {
		if time.Since(s.tried) < lookAgain {
			s.mu.Unlock()
			return
		}
		select {
		case s.asked <- struct{}{}:
		default:
		}
	}
	s.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
	case <-s.stopped:
	}
}
