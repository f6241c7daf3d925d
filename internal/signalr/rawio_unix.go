//go:build linux || darwin || openbsd

package signalr

import "golang.org/x/sys/unix"

const haveRawCalls = true

// rawRead reads without waiting; again says that there is nothing to read now.
func rawRead(fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, err = unix.Read(int(fd), b)
		if err != unix.EINTR {
			return max(n, 0), err == unix.EAGAIN, err
		}
	}
}

// rawWrite writes without waiting; again says that nothing can be written now.
func rawWrite(fd uintptr, pieces [][]byte) (n int, again bool, err error) {
	for {
		n, err = unix.Writev(int(fd), pieces)
		if err != unix.EINTR {
			return max(n, 0), err == unix.EAGAIN, err
		}
	}
}
