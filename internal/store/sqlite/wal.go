package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

const (
	walLimit      = 128 << 20 // bytes of -wal from which something must be holding it: the writer empties it at 16 MiB
	watchInterval = 10 * time.Second
)

// walSalt is in the header of a -wal. SQLite changes it whenever the -wal begins anew.
type walSalt [8]byte

func readSalt(path string) (salt walSalt, err error) {
	h, err := os.Open(path + "-wal") // SQLite takes no locks on it, so closing it drops none
	if err != nil {
		return salt, fmt.Errorf("read the -wal: %w", err)
	}
	defer h.Close()
	if _, err = h.ReadAt(salt[:], 16); errors.Is(err, io.EOF) {
		err = nil // nothing was written yet
	}
	return salt, err
}

// walWatch warns once when the -wal has grown, with what holds it, and again only after it has shrunk.
type walWatch struct {
	path   string
	log    *slog.Logger
	limit  int64
	warned bool
}

func (w *walWatch) look() {
	size := walSize(w.path)
	if grown := size > w.limit; grown == w.warned {
		return
	}
	w.warned = !w.warned
	if w.warned {
		w.log.Warn("the -wal beside the database grows: a program that reads the database keeps it from being emptied; end that program",
			"file", w.path+"-wal", "bytes", size, "held_by", cmp.Or(walHolders(w.path), "unknown"))
	}
}

// walSize returns the size of the -wal in bytes, 0 if there is none.
func walSize(path string) int64 {
	size, err := sizeOf(path + "-wal")
	if err != nil {
		return 0
	}
	return size
}
