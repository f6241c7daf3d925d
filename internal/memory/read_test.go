package memory

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadAll_HoldsWhatHasArrived(t *testing.T) {
	budget := New(Config{Limit: 64 << 20})
	for _, size := range []int{0, 1, 511, 512, 513, 8 << 10, 8<<10 + 1, 200_000} {
		held := budget.Hold(Body, "ann")
		want := strings.Repeat("x", size)
		got, err := ReadAll(iotest.HalfReader(strings.NewReader(want)), held)
		if err != nil || string(got) != want {
			t.Errorf("%d bytes: %d, %v", size, len(got), err)
		}
		if used := budget.Used(); used > copies*2*size || size < 8<<10 && used != 0 || size > 8<<10 && used < size {
			t.Errorf("of %d bytes %d are held", size, used)
		}
		held.Release()
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes are held at the end", budget.Used())
	}
}

func TestReadAll_StopsWhereThereIsNoSpace(t *testing.T) {
	budget := New(Config{Limit: 4 << 10})
	body := &counter{r: bytes.NewReader(make([]byte, 1<<20))}
	if _, err := ReadAll(body, budget.Hold(Body, "ann")); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
	if body.n > 2*freeRead {
		t.Errorf("%d bytes were read without space", body.n)
	}
	if _, err := ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
