package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Readers are many readers of one room.
type Readers struct {
	readers []*Reader
	cancel  context.CancelFunc
	running sync.WaitGroup
	seen    []Reading
}

// dialing bounds the number of connections that are being opened at the same time.
const dialing = 64

// StartReaders starts n readers; a few dozen connect at the same time. Stop must be called, also when ctx has ended.
func StartReaders(ctx context.Context, n int, cfg ReaderConfig) (*Readers, error) {
	ctx, cancel := context.WithCancel(ctx)
	rs := &Readers{cancel: cancel, seen: make([]Reading, n)}
	for range n {
		r, err := NewReader(cfg)
		if err != nil {
			cancel()
			return nil, err
		}
		rs.readers = append(rs.readers, r)
	}
	turn := make(chan struct{}, dialing)
	for i, r := range rs.readers {
		rs.running.Go(func() {
			turn <- struct{}{}
			over := make(chan struct{})
			rs.running.Go(func() {
				select {
				case <-r.connected:
				case <-over:
				}
				<-turn
			})
			rs.seen[i] = r.Run(ctx)
			close(over)
		})
	}
	return rs, nil
}

// WaitConnected returns when every reader has connected, or with an error when ctx ends first.
func (rs *Readers) WaitConnected(ctx context.Context) error {
	return rs.wait(ctx, "connected", func(r *Reader) <-chan struct{} { return r.connected })
}

// WaitJoined returns when every reader has joined, or with an error when ctx ends first.
func (rs *Readers) WaitJoined(ctx context.Context) error {
	return rs.wait(ctx, "joined", func(r *Reader) <-chan struct{} { return r.joined })
}

func (rs *Readers) wait(ctx context.Context, what string, done func(*Reader) <-chan struct{}) error {
	for i, r := range rs.readers {
		select {
		case <-done(r):
		case <-ctx.Done():
			return fmt.Errorf("only %d of %d readers %s: %w", i, len(rs.readers), what, context.Cause(ctx))
		}
	}
	return nil
}

// WaitSeq returns when every reader has seen all messages up to seq, or with an error when ctx ends first.
func (rs *Readers) WaitSeq(ctx context.Context, seq int64) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		behind := 0
		for _, r := range rs.readers {
			if r.Position() < seq {
				behind++
			}
		}
		if behind == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d readers have not reached %d: %w", behind, len(rs.readers), seq, context.Cause(ctx))
		}
	}
}

// Positions returns each reader's Position.
func (rs *Readers) Positions() []int64 {
	all := make([]int64, len(rs.readers))
	for i, r := range rs.readers {
		all[i] = r.Position()
	}
	return all
}

// Stop ends every reader and returns their readings.
func (rs *Readers) Stop() []Reading {
	rs.cancel()
	rs.running.Wait()
	return rs.seen
}

// Wait returns the readings when all readers have ended by themselves.
func (rs *Readers) Wait() []Reading {
	rs.running.Wait()
	return rs.seen
}
