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

// Send is one message of a sender, and its outcome.
type Send struct {
	ID, Room, ClientID, Text string
	Begun                    time.Time // just before the first attempt
	Accepted                 time.Time // just after the first 2xx; zero without one
	Attempts                 int
}

// SenderConfig says how to send. Only URL is required.
type SenderConfig struct {
	URL         string                     // URL of the server, http://host:port
	Room        string                     // default "lobby"
	Senders     int                        // number of concurrent senders; default 64
	Each        int                        // number of messages of each sender; default: until Stop
	Every       time.Duration              // interval between the messages of one sender; default: the next one as soon as the last is acknowledged
	Retry       time.Duration              // pause before a message without a 2xx is sent again; default 20 ms
	StopTimeout time.Duration              // how long a message that is being sent is still retried after Stop; default 10 s
	Timeout     time.Duration              // limit of one attempt; default 10 s
	Text        func(sender, n int) string // the text of a sender's n-th message; default TimedText of 128 bytes
}

func (c *SenderConfig) defaults() {
	if c.Room == "" {
		c.Room = "lobby"
	}
	c.Senders = orDefault(c.Senders, 64)
	c.Retry = orDefault(c.Retry, 20*time.Millisecond)
	c.StopTimeout = orDefault(c.StopTimeout, 10*time.Second)
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

// Senders post messages with ids, and post each again until it is accepted.
type Senders struct {
	cfg      SenderConfig
	host     string
	stop     chan struct{}
	stopOnce sync.Once
	running  sync.WaitGroup
	accepted atomic.Int64

	mu      sync.Mutex
	sends   []Send
	answers map[int]int // number of attempts by HTTP status; 0: no answer
	last    error       // error of the newest attempt without an answer
}

// StartSenders starts the senders. Stop must be called, also when ctx has ended; the end of ctx stops the senders at
// once.
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

// Accepted returns how many messages have had a 2xx so far.
func (s *Senders) Accepted() int64 { return s.accepted.Load() }

// WaitAccepted returns when at least n messages have had a 2xx, or with an error when ctx ends first.
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

// Wait returns when every sender has sent its messages (SenderConfig.Each) or has been stopped.
func (s *Senders) Wait() { s.running.Wait() }

// Stop lets every sender complete the message that it is sending, and returns all sends, accepted or not.
func (s *Senders) Stop() []Send {
	s.stopOnce.Do(func() { close(s.stop) })
	s.running.Wait()
	return s.sends
}

// Answers returns the number of attempts by HTTP status; 0: no answer.
func (s *Senders) Answers() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.answers)
}

// Err returns the error of the newest attempt without an answer, or nil if all attempts were answered.
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

// send posts one message until it is accepted, ctx ends, or the time after Stop is over.
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
			stop, giveUp = nil, time.After(s.cfg.StopTimeout)
		case <-giveUp:
			return
		case <-ctx.Done():
			return
		case <-time.After(s.cfg.Retry):
		}
	}
}

// pause waits, and reports whether the sender is to continue.
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
