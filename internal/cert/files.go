package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"restante/internal/filestate"
)

// files provides a certificate and its key from two files.
type files struct {
	cert, key string
	known     filestate.State // files that were read, or did not match
	suspect   filestate.State // files that did not match at the last check
}

func openFiles(cert, key string) (*files, []*tls.Certificate, error) {
	f := &files{cert: cert, key: key}
	f.known = filestate.Of(cert, key) // before reading, so that a change during the read is seen by the next check
	pair, err := f.read()
	if err != nil {
		return nil, nil, err
	}
	return f, []*tls.Certificate{pair}, nil
}

// check reads the files if they have changed. A certificate and a key that do not match are read again at the next
// check before that is an error, because two files cannot be replaced at the same moment.
func (f *files) check(context.Context) ([]*tls.Certificate, time.Duration, error) {
	found := filestate.Of(f.cert, f.key)
	if found.Equal(f.known) {
		f.suspect = nil
		return nil, filestate.CheckEvery, nil
	}
	pair, err := f.read()
	if err != nil && !found.Equal(f.suspect) {
		f.suspect = found
		return nil, filestate.CheckEvery, nil
	}
	f.known, f.suspect = found, nil
	if err != nil {
		return nil, filestate.CheckEvery, err
	}
	return []*tls.Certificate{pair}, filestate.CheckEvery, nil
}

func (f *files) challenge(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return nil, errors.New("no authority is asked for certificates")
}

func (f *files) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s with key %s: %w", f.cert, f.key, err)
	}
	return &pair, nil
}
