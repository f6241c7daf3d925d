package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/filestate"
	"restante/internal/secret"
)

// localKeys are the keys of secrets and of files. One goroutine reads files that have changed.
type localKeys struct {
	fixed   []key // secrets that are no files
	files   []*keyFile
	log     *slog.Logger
	reloads *prometheus.CounterVec
	known   atomic.Pointer[fetchedKeys] // never nil once opened
	cancel  context.CancelFunc
	stopped chan struct{}
}

// keyFile is a file with one key.
type keyFile struct {
	flag, path string
	issuer     string
	parse      func([]byte) (key, error)
	read       func(path string) ([]byte, error)

	key     key
	hash    [sha256.Size]byte // of the content that key is from
	known   filestate.State   // when the file was read, or was bad
	suspect filestate.State   // when it was bad at the last check
}

// openLocal reads the secrets and files of a configuration. The error lists every fault, each with its flag.
func openLocal(cfg Config, reloads *prometheus.CounterVec) (*localKeys, error) {
	l := &localKeys{log: cfg.Log, reloads: reloads}
	var faults error
	for _, text := range cfg.Secrets {
		k, err := secretKey(text)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("--jwt-secret: %w", err))
		}
		l.fixed = append(l.fixed, k)
	}
	for _, path := range cfg.SecretFiles {
		l.files = append(l.files, &keyFile{flag: "--jwt-secret-file", path: path, read: readSecret, parse: func(data []byte) (key, error) { return secretKey(string(data)) }})
	}
	for _, text := range cfg.Keys {
		issuer, path := SplitKey(text)
		l.files = append(l.files, &keyFile{flag: "--jwt-key", path: path, issuer: issuer, read: os.ReadFile, parse: publicKey})
	}
	for _, f := range l.files {
		f.known = filestate.Of(f.path)
		if _, err := f.load(); err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %s: %w", f.flag, f.path, err))
		}
	}
	if faults != nil {
		return nil, faults
	}
	l.publish()
	return l, nil
}

// readSecret is secret.Read in the shape of os.ReadFile.
func readSecret(path string) ([]byte, error) {
	text, err := secret.Read(path)
	return []byte(text), err
}

// load reads the file, and reports whether its key is another one now. After an error the key is the one of before.
func (f *keyFile) load() (changed bool, err error) {
	data, err := f.read(f.path)
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			err = e.Err // the caller says which file
		}
		return false, err
	}
	k, err := f.parse(data)
	if err != nil {
		return false, err
	}
	hash := sha256.Sum256(data)
	changed = hash != f.hash
	k.issuer = f.issuer
	f.key, f.hash = k, hash
	return changed, nil
}

// publish puts the keys of all files into force. It makes a new object, so that tokens which were checked before are checked again.
func (l *localKeys) publish() {
	set := &fetchedKeys{keys: slices.Clone(l.fixed)}
	for _, f := range l.files {
		set.keys = append(set.keys, f.key)
	}
	l.known.Store(set)
}

// start begins to look at the files, until stop.
func (l *localKeys) start(ctx context.Context) {
	if len(l.files) == 0 {
		return
	}
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.stopped = make(chan struct{})
	go l.run(ctx)
}

func (l *localKeys) stop() {
	if l.cancel != nil {
		l.cancel()
		<-l.stopped
	}
}

func (l *localKeys) run(ctx context.Context) {
	defer close(l.stopped)
	ticker := time.NewTicker(filestate.CheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.check()
		}
	}
}

// check reads the files that have changed. A file that is bad is read again at the next check before that is logged, since it may
// be read while it is written. The key that it had stays in force: a mistake must not lock everybody out.
func (l *localKeys) check() {
	changed := false
	for _, f := range l.files {
		found := filestate.Of(f.path)
		if found.Equal(f.known) {
			f.suspect = nil
			continue
		}
		other, err := f.load()
		if err != nil && !found.Equal(f.suspect) {
			f.suspect = found
			continue
		}
		f.known, f.suspect = found, nil
		if err != nil {
			l.reloads.WithLabelValues("failed").Inc()
			l.log.Error("key file is bad, the key that it had stays in force", "file", f.path, "error", err)
			continue
		}
		if other {
			changed = true
			l.reloads.WithLabelValues("ok").Inc()
			l.log.Info("key file read again, its old key is out of force", "file", f.path)
		}
	}
	if changed {
		l.publish()
	}
}

// SplitKey splits a value of --jwt-key: FILE, or ISSUER=FILE. A value that begins with a slash or a dot is the name of a file,
// whatever it has in it.
func SplitKey(text string) (issuer, path string) {
	i := strings.LastIndexByte(text, '=')
	if i <= 0 || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") {
		return "", text
	}
	return text[:i], text[i+1:]
}

// SplitKeySet splits a value of --jwks-url: URL, or ISSUER=URL.
func SplitKeySet(text string) (issuer, url string) {
	for _, scheme := range []string{"=https://", "=http://"} {
		if i := strings.Index(text, scheme); i > 0 && !strings.Contains(text[:i], "?") {
			return text[:i], text[i+1:]
		}
	}
	return "", text
}
