// Package secret reads secrets from files, such as those that systemd, Docker and Kubernetes make, and finds out who else may read
// or write such a file.
package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// MaxSize is the greatest size of a secret, in bytes.
const MaxSize = 64 << 10

// Read returns the secret in a file, without one line end at its end. Symbolic links are followed, and the file may be replaced at any
// time. The secret may have any bytes. Read refuses a file that others may write, that is empty or greater than MaxSize, and what is not a
// regular file. Its errors name the file and never show what is in it. It does not block.
func Read(path string) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return "", fmt.Errorf("%s: cannot be read: %w", path, bare(err))
	}
	if len(content) > MaxSize {
		return "", fmt.Errorf("%s: is greater than %d bytes, too much for a secret", path, MaxSize)
	}
	content, ended := bytes.CutSuffix(content, []byte("\n"))
	if ended {
		content = bytes.TrimSuffix(content, []byte("\r"))
	}
	if len(content) == 0 {
		return "", fmt.Errorf("%s: is empty", path)
	}
	return string(content), nil
}

// ReadText is Read for a secret that is sent as a line of text, such as a password or a token: it has no control characters.
func ReadText(path string) (string, error) {
	text, err := Read(path)
	if err == nil && strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("%s: holds more than one line, or control characters", path)
	}
	return text, err
}

// permissionsCount is false on Windows, which has others.
const permissionsCount = runtime.GOOS != "windows"

// open opens a file and checks it.
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would block until somebody writes
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be opened: %w", path, bare(err))
	}
	if err := checkWriters(path, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkWriters refuses a file that other users could have written or replaced.
func checkWriters(path string, f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, bare(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: is not a regular file", path)
	case !permissionsCount:
		return nil
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s: other users may write it (mode %04o); use chmod go-w, and a new secret if they may have", path, info.Mode().Perm())
	}
	directories := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		directories = append(directories, filepath.Dir(real))
	}
	for _, directory := range directories {
		info, err := os.Stat(directory)
		if err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("%s: other users may replace it, since they may write its directory %s (mode %04o); use chmod o-w", path, directory, info.Mode().Perm())
		}
	}
	return nil
}

// bare returns err without the name of the file, which the caller adds.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Exposed reports whether other users may read a file or directory that only its owner should read, and returns its permissions, such
// as 0644. It is false for what Docker and Kubernetes mount for one container, readable for every user in it: below /run/secrets, and on
// file systems that are mounted read-only. It is false as well for what cannot be looked at.
func Exposed(path string) (mode fs.FileMode, exposed bool) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o044 == 0 || !permissionsCount {
		return 0, false
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0, false
	}
	for _, place := range []string{path, real} {
		if absolute, err := filepath.Abs(place); err == nil && strings.HasPrefix(absolute, "/run/secrets/") {
			return 0, false
		}
	}
	return info.Mode().Perm(), !isReadOnly(real)
}
