package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine is the longest line that is read, so that input without line ends cannot fill the memory. The server refuses
// a line that is longer than a message may be, and says why.
const maxLine = 1 << 20

// badText is why a text cannot be a message, whatever the server would say.
type badText struct{ why string }

func (b *badText) Error() string { return b.why }

// lineReader reads lines. It changes no byte of them: a line ends with LF or CR LF, which does not belong to it, or with the end of
// the input. It is not for concurrent use.
type lineReader struct {
	in     *bufio.Reader
	number int  // of the line that was read last: 1, 2, 3, …
	rest   bool // the rest of a line that was too long comes next
}

func newLineReader(in io.Reader) *lineReader { return &lineReader{in: bufio.NewReaderSize(in, 64<<10)} }

// next returns the next line, or io.EOF after the last one. After a *badText error, the line after the one at fault can be read. It
// blocks until a line has come.
func (l *lineReader) next() (string, error) {
	if err := l.skipRest(); err != nil {
		return "", err
	}
	l.number++
	tooLong := &badText{fmt.Sprintf("is longer than %d bytes", maxLine)}
	var line []byte
	for more := true; more; {
		part, err := l.in.ReadSlice('\n')
		line, more = append(line, part...), errors.Is(err, bufio.ErrBufferFull)
		switch {
		case len(line) > maxLine+len("\r\n"):
			l.rest = more
			return "", tooLong
		case err != nil && !more && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return "", err
		}
	}
	text, ended := strings.CutSuffix(string(line), "\n")
	if ended {
		text = strings.TrimSuffix(text, "\r")
	}
	if len(text) > maxLine {
		return "", tooLong
	}
	return text, nil
}

// skipRest reads up to the end of a line that was too long.
func (l *lineReader) skipRest() error {
	for l.rest {
		_, err := l.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		l.rest = err != nil
	}
	return nil
}

// await calls read and returns what it returns, or the cause of ctx when that ends first, because reading from a terminal cannot be
// interrupted. The goroutine that still reads ends with the process.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := read()
		got <- result{text, err}
	}()
	select {
	case r := <-got:
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return r.text, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
