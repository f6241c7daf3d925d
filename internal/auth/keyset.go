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

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
	"restante/internal/retry"
)

const (
	refreshEvery = 5 * time.Minute        // plus or minus a tenth; a key that was removed from the set is valid for as long
	lookupEvery  = 10 * time.Second       // the shortest time from a fetch to one for a token whose key is not in the set
	minRetry     = 500 * time.Millisecond // the first pause after a fetch that failed
	maxRetry     = time.Minute            // the longest
)

// fetchedKeys is the content of a key set, or of all secrets and files, at some time. It never changes.
type fetchedKeys struct {
	body    []byte // of a key set
	keys    []key
	private int // keys of the set that were left out because they are private
}

// fit returns the keys that may have signed a token with this header. A token without a kid is valid only if a single key
// fits (OpenID Connect Core section 10.1), so that no client can make the server try hundreds of keys.
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

// keySet is a set of keys behind a URL. One goroutine fetches it again and again. A request whose key is not in the set asks
// for a fetch at once and waits for it.
type keySet struct {
	issuer    string // whose tokens its keys sign; "": those of every issuer that has no keys of its own
	name      string // the URL without what may be secret in it
	url       string
	client    *http.Client
	log       *slog.Logger
	refreshes *prometheus.CounterVec

	maxAge time.Duration // how old the set may become before its keys are not believed any more

	known     atomic.Pointer[fetchedKeys] // nil until the first fetch has succeeded
	confirmed atomic.Pointer[time.Time]   // when a fetch has succeeded, or when the set was made
	failing   bool                        // the last fetch has failed; used by the fetching goroutine only, as is the next
	overdue   bool                        // it was logged that the set is too old

	mu       sync.Mutex
	fetching bool
	tried    time.Time     // when the last fetch ended
	done     chan struct{} // closed when the next one ends
	asked    chan struct{} // buffered: one element, a request waits for a fetch

	cancel  context.CancelFunc
	stopped chan struct{}
}

func newKeySet(issuer string, location *url.URL, cfg Config, m *metrics) *keySet {
	s := &keySet{
		issuer:    issuer,
		name:      location.Scheme + "://" + location.Host + location.Path,
		url:       location.String(),
		client:    newFetchClient(),
		log:       cfg.Log,
		refreshes: m.refreshes,
		maxAge:    cfg.JWKSMaxAge,
		done:      make(chan struct{}),
		asked:     make(chan struct{}, 1),
		stopped:   make(chan struct{}),
	}
	now := time.Now()
	s.confirmed.Store(&now)
	m.age(s.name, issuer, s.age)
	return s
}

// start fetches the set once, and then again and again in a goroutine that stop ends.
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
	retries := retry.NewBackoff(minRetry, maxRetry)
	for {
		pause := refreshEvery*9/10 + rand.N(refreshEvery/5) //nolint:gosec // a pause
		if s.failing {
			pause = retries.Next()
		} else {
			retries.Reset()
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

// refresh fetches the set once.
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
	case <-s.asked: // this fetch was for that request, too
	default:
	}
	close(s.done)
	s.done = make(chan struct{})
}

// note keeps the fetched set and logs what has changed. After a failure the set of before stays in force until it is too old. An unchanged set is kept as the same object, so that tokens which
// were checked with it need not be checked again.
func (s *keySet) note(fetched *fetchedKeys, err error) {
	last := s.known.Load()
	if err != nil {
		s.refreshes.WithLabelValues("failed").Inc()
		if last != nil && !s.overdue && s.age() > s.maxAge {
			s.overdue = true
			s.log.Error("key set is too old, tokens that need it are refused", "url", s.name, "age", s.age().String(), "err", err)
		}
		if !s.failing {
			s.failing = true
			s.log.Warn("key set not fetched, trying again", "url", s.name, "known", last != nil, "err", err)
		}
		return
	}
	s.refreshes.WithLabelValues("ok").Inc()
	now := time.Now()
	s.confirmed.Store(&now)
	s.overdue = false
	changed := last == nil || !bytes.Equal(last.body, fetched.body)
	if changed {
		s.known.Store(fetched)
		if fetched.private > 0 {
			s.log.Warn("key set shows private keys, with which everybody can make tokens; they are not used here", "url", s.name, "keys", fetched.private)
		}
	}
	if changed || s.failing {
		s.failing = false
		s.log.Info("key set fetched", "url", s.name, "keys", len(fetched.keys))
	}
}

// age returns how long ago the last fetch has succeeded.
func (s *keySet) age() time.Duration { return time.Since(*s.confirmed.Load()) }

// current returns the set that is in force: nil before the first one, and when it is too old.
func (s *keySet) current() *fetchedKeys {
	if s.age() > s.maxAge {
		return nil
	}
	return s.known.Load()
}

// lookup returns the set that is in force. If it has no key for a token with this header, lookup fetches it again first. The
// error is errs.Unavailable: no set could be fetched yet, or for longer than maxAge.
func (s *keySet) lookup(ctx context.Context, header jose.Header) (*fetchedKeys, error) {
	known := s.current()
	if known != nil && (header.KeyID == "" || len(known.fit(header)) > 0) {
		return known, nil
	}
	s.fetchSoon(ctx)
	if known = s.current(); known == nil {
		return nil, &errs.Error{Code: errs.Unavailable, Msg: "tokens cannot be checked now", RetryAfter: time.Second}
	}
	return known, nil
}

// fetchSoon waits for the fetch in progress, or starts one and waits for it. It does neither when the last fetch ended less
// than lookupEvery ago.
func (s *keySet) fetchSoon(ctx context.Context) {
	s.mu.Lock()
	done := s.done
	if !s.fetching {
		if time.Since(s.tried) < lookupEvery {
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
