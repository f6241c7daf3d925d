package sqlite

import (
	"cmp"
	"log/slog"
	"time"
)

const (
	walLimit      = 128 << 20 // bytes of -wal from which something must be holding it: the writer empties it at 16 MiB
	watchInterval = 10 * time.Second
)

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
