package config

import (
	"errors"
	"log/slog"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// What was typed in the wrong place may be a secret. So an error quotes a text only if it looks like what belongs there.

var (
	aNumber = regexp.MustCompile(`^[-+]?[0-9][-0-9._,xX]{0,19} ?[a-zA-Zµ]{0,3}$|^[-+]?[.0-9]{1,8}([a-zµ]{1,2}[.0-9]{0,6}){1,4}$`)
	aWord   = regexp.MustCompile(`^[a-z]{1,12}$`)
)

// numberShown returns a text for an error about a number, an amount or a duration.
func numberShown(text string) string { return shown(text, aNumber.MatchString(text)) }

// wordShown returns a text for an error about one of a few words.
func wordShown[T ~string](text T) string { return shown(string(text), aWord.MatchString(string(text))) }

func shown(text string, may bool) string {
	if may {
		return strconv.Quote(text)
	}
	return "the value (hidden here)"
}

// addressShown returns an address, an origin or a network for an error, without a user name and password in it.
func addressShown(text string) string {
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		text = "…" + text[i:]
	}
	return strconv.Quote(text)
}

var errLevel = errors.New("is not a level; use debug, info, warn or error")

func decodeLevel(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := decodeText(ctx, reflect.ValueOf(&text).Elem()); err != nil {
		return err
	}
	var level slog.Level
	if level.UnmarshalText([]byte(text)) != nil {
		return errLevel
	}
	target.Set(reflect.ValueOf(level))
	return nil
}
