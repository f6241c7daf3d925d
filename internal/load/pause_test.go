package load

import (
	"net"
	"testing"
	"time"
)

func TestAcceptPause_IsTheLongestGap(t *testing.T) {
	start := time.Now()
	at := func(ms int) Send { return Send{Accepted: start.Add(time.Duration(ms) * time.Millisecond)} }
	sends := []Send{at(500), at(0), {}, at(40), at(100), at(530)}
	if got := AcceptPause(sends); got != 400*time.Millisecond {
		t.Errorf("pause %v, want 400ms", got)
	}
	if got := AcceptPause(sends[2:4]); got != 0 {
		t.Errorf("pause of one accepted send: %v", got)
	}
}

func TestReader_MeasuresItsPause(t *testing.T) {
	const pause = 60 * time.Millisecond
	url := hubStub(t, func(conn net.Conn, _ string) {
		say(conn, event(1, "a")+event(2, "b"))
		<-time.After(pause)
		say(conn, event(3, "c"))
		say(conn, event(4, "d"))
	})
	seen := readUntil(t, ReaderConfig{URL: url}, 4)
	if got := DeliveryPause([]Reading{{}, seen}); got < pause/2 || got > 100*pause {
		t.Errorf("pause %v, want about %v", got, pause)
	}
}
