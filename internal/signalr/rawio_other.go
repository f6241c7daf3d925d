//go:build !linux && !darwin && !openbsd

package signalr

import "errors"

// haveRawCalls is false where descriptors cannot be written to at once: every connection is then used as a plain one.
const haveRawCalls = false

func rawRead(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

func rawWrite(uintptr, [][]byte) (n int, again bool, err error) {
	return 0, false, errors.ErrUnsupported
}
