package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// Bytes is an amount of memory in bytes. As text it is a whole number with a unit, such as 64MiB, or without one.
type Bytes int64

// The units of Bytes, the largest first.
var units = []struct {
	name string
	size Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// maxBytes is more than any machine has. It keeps sums of amounts within an int64.
const maxBytes Bytes = 1 << 50

// ParseBytes reads an amount of memory.
func ParseBytes(text string) (Bytes, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || Bytes(n) > maxBytes/u.size {
			break
		}
		return Bytes(n) * u.size, nil
	}
	return 0, fmt.Errorf("%s is not an amount of memory, such as 64MiB or 1GiB", numberShown(text))
}

// String returns the amount in the largest unit of which it is a whole number.
func (b Bytes) String() string {
	for _, u := range units {
		if b%u.size == 0 && (b != 0 || u.size == 1) {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return ""
}

// Decode reads the value of a flag, an environment variable or a file.
func (b *Bytes) Decode(ctx *kong.DecodeContext) error {
	text, err := popNumber(ctx, "an amount of memory")
	if err != nil {
		return err
	}
	*b, err = ParseBytes(text)
	return err
}
