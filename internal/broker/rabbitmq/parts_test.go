package rabbitmq

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
	"restante/internal/peer"
)

func TestPartition_IsForEver(t *testing.T) {
	// Messages of a room that is in another partition from one version to the next would overtake each other.
	for room, want := range map[string]int{"lobby": 3, "a": 4, "general": 3, "team-42": 5, "x.y_z": 3} {
		if got := partition(room, 8); got != want {
			t.Errorf("partition of %s: %d, want %d", room, got, want)
		}
	}
}

func TestBacklog_TakesInOrderWithinLimits(t *testing.T) {
	b := &backlog{limit: 1 << 20, arrived: make(chan struct{}, 1), full: make(chan struct{})}
	for i := range 10 {
		b.add(amqp.Delivery{DeliveryTag: uint64(i), Body: make([]byte, 100)})
	}
	var sizes []int
	tag := uint64(0)
	for _, limits := range [][2]int{{3, 10_000}, {100, 250}, {100, 10}, {100, 10_000}, {100, 10_000}} {
		taken := b.take(limits[0], limits[1])
		for _, a := range taken {
			if a.DeliveryTag != tag {
				t.Errorf("took %d, want %d", a.DeliveryTag, tag)
			}
			tag++
		}
		sizes = append(sizes, len(taken))
	}
	if want := []int{3, 2, 1, 4, 0}; !slices.Equal(sizes, want) {
		t.Errorf("took %v, want %v", sizes, want)
	}
	if n, since := b.waiting(); n != 0 || !since.IsZero() || b.bytes != 0 {
		t.Errorf("left: %d since %v, %d bytes", n, since, b.bytes)
	}
}

func TestBacklog_IsBounded(t *testing.T) {
	deliveries := make(chan amqp.Delivery)
	b := gather(deliveries, 10_000)
	for range 100 {
		deliveries <- amqp.Delivery{Body: make([]byte, 1000)}
	}
	close(deliveries)
	<-b.over
	select {
	case <-b.full:
	default:
		t.Error("it does not say that it is full")
	}
	if n, _ := b.waiting(); n > 6 {
		t.Errorf("%d deliveries of 2 kB each are in a backlog of 10 kB", n)
	}
}

func TestSocket_WritesDoNotBlock(t *testing.T) {
	ours, theirs := net.Pipe() // without a buffer: a write waits for its reader
	s := newSocket(ours)
	for range 100 {
		if _, err := s.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(theirs)
		read <- string(b)
	}()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if got := <-read; got != strings.Repeat("0123456789", 100) {
		t.Errorf("%d bytes have arrived", len(got))
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

func TestSocket_EndsWithoutAReader(t *testing.T) {
	for name, end := range map[string]func(s *socket){
		"Close": func(s *socket) { _ = s.Close() },
		"kill":  func(s *socket) { s.kill(); _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			ours, _ := net.Pipe()
			s := newSocket(ours)
			_, _ = s.Write([]byte("nobody reads this"))
			began := time.Now()
			end(s)
			if took := time.Since(began); took > 5*flushWithin {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestBusy_GathersMoreWhenOthersAreBusy(t *testing.T) {
	b := &busy{last: make([]atomic.Int64, 8)}
	now := time.Now()
	pauses := []time.Duration{b.pause(0, now)}
	for q := range 8 {
		b.note(q, now)
		pauses = append(pauses, b.pause(0, now))
	}
	pauses = append(pauses, b.pause(0, now.Add(2*lately)))
	if want := []time.Duration{0, 0, gatherFor, 2 * gatherFor, 3 * gatherFor, maxGather, maxGather, maxGather, maxGather, 0}; !slices.Equal(pauses, want) {
		t.Errorf("gathers for %v, want %v", pauses, want)
	}
}

// TestBalance_Claims goes through what a node hears.
func TestBalance_Claims(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "b", Roles: peer.Roles()})
	b := newBalance(table)
	now := time.Now()
	b.now = func() time.Time { return now }
	consumer := func(id string) peer.Node { return peer.Node{ID: id, Roles: []peer.Role{peer.Consumer}} }
	owned := func() (qs []int) {
		b.update()
		for q := range 8 {
			if b.claim(q).owner {
				qs = append(qs, q)
			}
		}
		return qs
	}
	want := func(what string, qs ...int) {
		t.Helper()
		if got := owned(); !slices.Equal(got, qs) {
			t.Errorf("%s: owns %v, want %v", what, got, qs)
		}
	}
	want("alone and deaf", 0, 1, 2, 3, 4, 5, 6, 7)
	table.Heard(consumer("a"), now)
	want("does not hear itself", 0, 1, 2, 3, 4, 5, 6, 7)
	changed := b.claim(0).changed
	table.Heard(consumer("b"), now)
	want("two", 1, 3, 5, 7)
	select {
	case <-changed:
	default:
		t.Error("the change was not told")
	}
	table.Heard(consumer("c"), now)
	table.Heard(peer.Node{ID: "d", Roles: []peer.Role{peer.Hub}}, now)
	want("three, and one that does not consume", 1, 4, 7)
	version := b.claim(0).version
	now = now.Add(2 * peer.Expiry)
	want("deaf again: nothing changes", 1, 4, 7)
	if b.claim(0).version != version {
		t.Error("nothing has changed, and the version has")
	}
	table.Heard(consumer("b"), now)
	want("the others are gone", 0, 1, 2, 3, 4, 5, 6, 7)
}

func TestBalance_IsReadyWithAllConsumers(t *testing.T) {
	b := newBalance(nil)
	var ready []bool
	for _, step := range []func(){
		func() {}, func() { b.consuming(2) }, func() { b.register(0, true) }, func() { b.register(1, true) },
		func() { b.register(0, false) }, func() { b.register(0, true) }, func() { b.consuming(0) },
	} {
		step()
		ready = append(ready, b.isReady())
	}
	if want := []bool{false, false, false, true, false, true, false}; !slices.Equal(ready, want) {
		t.Errorf("ready: %v, want %v", ready, want)
	}
}

func TestRefused_TellsWhatWaitingCannotMend(t *testing.T) {
	for _, c := range []struct {
		err   error
		class errs.Code
	}{
		{&amqp.Error{Code: amqp.AccessRefused, Server: true}, errs.Forbidden},
		{&amqp.Error{Code: amqp.AccessRefused}, ""}, // the client library says so when a connection is cut
		{&amqp.Error{Code: amqp.NotAllowed, Reason: "vhost x not found", Server: true}, errs.NotFound},
		{&amqp.Error{Code: amqp.NotAllowed, Reason: "connection limit (3) is reached", Server: true}, ""},
		{&amqp.Error{Code: amqp.PreconditionFailed, Server: true}, errs.Conflict},
		{&amqp.Error{Code: amqp.InternalError, Reason: "vhost is down", Server: true}, ""},
		{io.EOF, ""},
	} {
		if got := errs.CodeOf(refused(c.err, "host")); got != c.class {
			t.Errorf("%v: class %q, want %q", c.err, got, c.class)
		}
	}
}

func TestTolerable_KeepsWhatPromisesRestOn(t *testing.T) {
	const inequivalent = "PRECONDITION_FAILED - inequivalent arg '%' for queue 'restante.intake.0' in vhost '/': received none but current is"
	for argument, want := range map[string]bool{
		"x-delivery-limit": true, "x-queue-leader-locator": true, "x-queue-type": false, "x-single-active-consumer": false, "durable": false,
	} {
		if got := tolerable(strings.Replace(inequivalent, "%", argument, 1)); got != want {
			t.Errorf("%s: %v, want %v", argument, got, want)
		}
	}
	if major("3.10.8") != 3 || major("4.1.0-rc.1") != 4 || major("") != 0 {
		t.Error("a version is misread")
	}
}
