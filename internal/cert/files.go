package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"
)

// lookEvery is how often files are looked at. It costs two system calls.
const lookEvery = 2 * time.Second

// files is a certificate and its key in two files.
type files struct {
	cert, key string
	settled   state  // what was read, or was found to be no pair
	doubted   *state // was no pair when last looked at
}

// state is how the two files were found; nil: not at all.
type state [2]os.FileInfo

func openFiles(cert, key string) (*files, []*tls.Certificate, error) {
	f := &files{cert: cert, key: key}
	f.settled = f.stat() // before reading, so that what is written meanwhile is read again
	pair, err := f.read()
	if err != nil {
		return nil, nil, err
	}
	return f, []*tls.Certificate{pair}, nil
}

// look reads the files if they have changed. Files that are no pair get a second look before that is an error, since
// nobody replaces both at once.
func (f *files) look(context.Context) ([]*tls.Certificate, time.Duration, error) {
	found := f.stat()
	if found.equal(f.settled) {
		f.doubted = nil
		return nil, lookEvery, nil
	}
	pair, err := f.read()
	if err != nil && (f.doubted == nil || !found.equal(*f.doubted)) {
		f.doubted = &found
		return nil, lookEvery, nil
	}
	f.settled, f.doubted = found, nil
	if err != nil {
		return nil, lookEvery, err
	}
	return []*tls.Certificate{pair}, lookEvery, nil
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

// stat follows links, so that one which is turned elsewhere is a change too.
func (f *files) stat() (found state) {
	for i, path := range []string{f.cert, f.key} {
		if info, err := os.Stat(path); err == nil {
			found[i] = info
		}
	}
	return found
}

// equal reports whether nothing has been written between two looks.
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
