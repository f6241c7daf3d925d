package postgres

import (
	"context"
	"syscall"

	"golang.org/x/sys/unix"
)

// unansweredMillis is how long sent bytes may wait for the peer's kernel to acknowledge them.
const unansweredMillis = 8000

// limitUnanswered ends a connection whose peer does not acknowledge what was sent: keep-alives do not run meanwhile.
func limitUnanswered(_ context.Context, network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, unansweredMillis)
	}); controlErr != nil {
		return controlErr
	}
	return err
}
