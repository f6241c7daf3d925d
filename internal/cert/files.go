package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"
)

// checkEvery is how often the files are checked. A check costs two system calls.
const checkEvery = 2 * time.Second

// files provides a certificate and its key from two files.
type files struct {
	cert, key string
	known     state  // files that were read, or did not match
	suspect   *state // files that did not match at the last check
}

// state is the state of the two files; an entry is nil if the file does not exist.
type state [2]os.FileInfo

func openFiles(cert, key string) (*files, []*tls.Certificate, error) {
	f := &files{cert: cert, key: key}
	f.known = f.stat() // before reading, so that a change during the read is seen by the next check
	pair, err := f.read()
	if err != nil {
		return nil, nil, err
	}
	return f, []*tls.Certificate{pair}, nil
}

// check reads the files if they have changed. A certificate and a key that do not match are read again at the next
// check before that is an error, because two files cannot be replaced at the same moment.
func (f *files) check(context.Context) ([]*tls.Certificate, time.Duration, error) {
	found := f.stat()
	if found.equal(f.known) {
		f.suspect = nil
		return nil, checkEvery, nil
	}
	pair, err := f.read()
	if err != nil && (f.suspect == nil || !found.equal(*f.suspect)) {
		f.suspect = &found
		return nil, checkEvery, nil
	}
	f.known, f.suspect = found, nil
	if err != nil {
		return nil, checkEvery, err
	}
	return []*tls.Certificate{pair}, checkEvery, nil
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

// stat follows symbolic links, so that a changed link counts as a change.
func (f *files) stat() (found state) {
	for i, path := range []string{f.cert, f.key} {
		if info, err := os.Stat(path); err == nil {
			found[i] = info
		}
	}
	return found
}

// equal reports whether the files are unchanged between two checks.
func (s state) equal(other state) bool {
	for i, a := range s {
		b := other[i]
		if a == nil || b == nil {
			if a != b {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}
