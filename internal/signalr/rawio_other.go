//go:build !linux && !darwin && !openbsd

package signalr

import "errors"

// haveRawCalls is false on systems without these calls: rawIO then uses plain reads and writes.
const haveRawCalls = false

func rawRead(uintptr, []byte) (n int, again bool, err error) { return 0, false, errors.ErrUnsupported }

func rawWrite(uintptr, [][]byte) (n int, again bool, err error) {
	return 0, false, errors.ErrUnsupported
}
