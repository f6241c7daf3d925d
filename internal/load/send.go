package load

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Send is what is known of one message that a sender wants to be accepted.
type Send struct {
	ID, Room, ClientID, Text string
	Begun                    time.Time // just before the first attempt
	Accepted                 time.Time // just after the first 2xx; zero when there was none
	Attempts                 int
}

// SenderConfig says who sends what. Only URL is required.
type SenderConfig struct {
	URL      string                     // the server, http://host:port
	Room     string                     // default "lobby"
	Senders  int                        // at the same time; default 64
	Each     int                        // messages of each sender; default: until Stop
	Every    time.Duration              // between two sends of one sender; default: the next as soon as acknowledged
	Retry    time.Duration              // before an unanswered or refused id is sent again; default 20 ms
	Patience time.Duration              // how long a send under way is still retried after Stop; default 10 s
	Timeout  time.Duration              // of one attempt; default 10 s
	Text     func(sender, n int) string // the text of a sender's n-th message; default TimedText of 128 bytes
}

func (c *SenderConfig) defaults() {
	if c.Room == "" {
		c.Room = "lobby"
	}
	c.Senders = orDefault(c.Senders, 64)
	c.Retry = orDefault(c.Retry, 20*time.Millisecond)
	c.Patience = orDefault(c.Patience, 10*time.Second)
	c.Timeout = orDefault(c.Timeout, 10*time.Second)
	if c.Text == nil {
		c.Text = func(int, int) string { return TimedText(128) }
	}
}

func orDefault[T comparable](value, standard T) T {
	var zero T
	if value == zero {
		return standard
	}
	return value
}

// Senders post messages with ids of their own, and post an id again until it is accepted.
type Senders struct {
	cfg      SenderConfig
	host     string
	stop     chan struct{}
	stopOnce sync.Once
	running  sync.WaitGroup
	accepted atomic.Int64

	mu      sync.Mutex
	sends   []Send
	answers map[int]int // attempts by HTTP status; 0 counts those without an answer
	last    error       // of the newest attempt without an answer
}

// StartSenders begins to send. Stop must be called, also when ctx is done, which ends the senders at once.
func StartSenders(ctx context.Context, cfg SenderConfig) (*Senders, error) {
	cfg.defaults()
	host, err := hostOf(cfg.URL)
	if err != nil {
		return nil, err
	}
	s := &Senders{cfg: cfg, host: host, stop: make(chan struct{}), answers: map[int]int{}}
	for n := range cfg.Senders {
		s.running.Go(func() { s.run(ctx, n) })
	}
	return s, nil
}

// Accepted returns how many sends have had a 2xx so far.
func (s *Senders) Accepted() int64 { return s.accepted.Load() }

// WaitAccepted returns when at least n sends have had a 2xx, or with an error when ctx ends first.
func (s *Senders) WaitAccepted(ctx context.Context, n int64) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.Accepted() < n {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("only %d of %d accepted (last failure: %w): %w", s.Accepted(), n, s.Err(), context.Cause(ctx))
		}
	}
	return nil
}

// Wait returns when every sender has sent its share (SenderConfig.Each) or has been stopped.
func (s *Senders) Wait() { s.running.Wait() }

// Stop lets every sender finish its send under way, and returns all sends, accepted or not.
func (s *Senders) Stop() []Send {
	s.stopOnce.Do(func() { close(s.stop) })
	s.running.Wait()
	return s.sends
}

// Answers returns how many attempts had which HTTP status; 0 stands for no answer.
func (s *Senders) Answers() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.answers)
}

// Err returns why the newest attempt without an answer failed, nil if all were answered.
func (s *Senders) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *Senders) run(ctx context.Context, sender int) {
	p := &poster{host: s.host, timeout: s.cfg.Timeout}
	defer p.close()
	clientID := fmt.Sprintf("sender-%d", sender)
	var sends []Send
	next := time.Now()
	for n := 0; s.cfg.Each == 0 || n < s.cfg.Each; n++ {
		if s.cfg.Every > 0 && !s.pause(ctx, time.Until(next)) {
			break
		}
		next = next.Add(s.cfg.Every)
		select {
		case <-ctx.Done():
		case <-s.stop:
		default:
			send := Send{ID: uuid.Must(uuid.NewV7()).String(), Room: s.cfg.Room, ClientID: clientID, Text: s.cfg.Text(sender, n)}
			s.send(ctx, p, &send)
			sends = append(sends, send)
			continue
		}
		break
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sends = append(s.sends, sends...)
	for status, count := range p.answers {
		s.answers[status] += count
	}
}

// send posts one message until it is accepted, the context ends, or its patience after Stop does.
func (s *Senders) send(ctx context.Context, p *poster, send *Send) {
	var giveUp <-chan time.Time
	stop := s.stop
	send.Begun = time.Now()
	for {
		send.Attempts++
		status, err := p.post(ctx, send)
		if status >= 200 && status < 300 {
			send.Accepted = time.Now()
			s.accepted.Add(1)
			return
		}
		if err != nil {
			s.mu.Lock()
			s.last = err
			s.mu.Unlock()
		}
		select {
		case <-stop:
			stop, giveUp = nil, time.After(s.cfg.Patience)
		case <-giveUp:
			return
		case <-ctx.Done():
			return
		case <-time.After(s.cfg.Retry):
		}
	}
}

// pause reports whether the sender is to go on.
func (s *Senders) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.stop:
		return false
	case <-time.After(d):
		return true
	}
}
