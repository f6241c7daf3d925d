package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"restante/internal/timetext"
)

// Values makes a command line read numbers, durations and texts as this package does: every parser that reads a Config needs it.
// A number is decimal, and a duration is what timetext.ParseDuration reads. Both may be negative, also as "--flag -1". A text and
// the name of a file are taken byte for byte. In the environment and in a file all of them are the same as on the command line.
func Values() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		for _, option := range []kong.Option{
			kong.KindMapper(reflect.Int, kong.MapperFunc(decodeInt)),
			kong.KindMapper(reflect.String, kong.MapperFunc(decodeText)),
			kong.NamedMapper("path", kong.MapperFunc(decodePath)),
			kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeDuration)),
			kong.TypeMapper(reflect.TypeFor[slog.Level](), kong.MapperFunc(decodeLevel)),
		} {
			if err := option.Apply(k); err != nil {
				return err
			}
		}
		return nil
	})
}

func decodeInt(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popNumber(ctx, "a number")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, target.Type().Bits())
	if err != nil {
		return fmt.Errorf("%s is not a whole number, such as 100", numberShown(text))
	}
	target.SetInt(n)
	return nil
}

func decodeDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popNumber(ctx, "a duration")
	if err != nil {
		return err
	}
	d, err := timetext.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%s is not a duration, such as 10s, 90m, 24h, 2d or 1w", numberShown(text))
	}
	target.SetInt(int64(d))
	return nil
}

// decodeText takes the place of kong's own decoder, which replaces bytes that are not UTF-8.
func decodeText(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return errNoValue // kong's error shows what stands there
	}
	text, ok := token.Value.(string)
	if !ok {
		return errNotText
	}
	target.SetString(text)
	return nil
}

var errNoValue = errors.New("needs a value after it; one that begins with a dash is written behind a =")

// decodePath reads the name of a file or directory and makes it absolute. "-" stays as it is.
func decodePath(ctx *kong.DecodeContext, target reflect.Value) error {
	if err := decodeText(ctx, target); err != nil {
		return err
	}
	if path := target.String(); path != "-" {
		target.SetString(kong.ExpandPath(path))
	}
	return nil
}

// popNumber takes the value of a flag. By itself kong takes any argument that begins with a dash for another flag. No flag begins
// with a dash and a digit or dot, so that such an argument is the value.
func popNumber(ctx *kong.DecodeContext, what string) (string, error) {
	token := ctx.Scan.Pop()
	text := token.String()
	if !token.IsValue() && !isNegative(text) || token.IsEOL() {
		return "", fmt.Errorf("needs %s after it", what)
	}
	return text, nil
}

func isNegative(text string) bool {
	return len(text) > 1 && text[0] == '-' && (text[1] == '.' || '0' <= text[1] && text[1] <= '9')
}
