package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// What stands in the wrong place of a command line may be a secret, such as a password behind a forgotten flag. So errors of the command line say
// where it stands, and do not repeat it.

var (
	strayArgument = regexp.MustCompile(`(?s)^unexpected (?:argument|token) (.*)$`)
	unknownFlag   = regexp.MustCompile(`(?s)^unknown flag (.*)$`)
	flagWithValue = regexp.MustCompile(`(?s)^unexpected flag argument ".*"$`)
	meant         = regexp.MustCompile(`(?s)^(.*), (did you mean (?:one of )?"[^"]*"(?:, "[^"]*")*\?)$`)
	fromVariable  = regexp.MustCompile(`(?s) \(from envar ([A-Za-z0-9_]+)=.*\)$`)
	wrongValue    = regexp.MustCompile(`(?s)^(.*?) but got .*$`)
)

// withoutInput returns an error of the parser without what was typed in the wrong place. args is the command line.
func withoutInput(err error, args []string) error {
	text, hint := err.Error(), ""
	if m := fromVariable.FindStringSubmatchIndex(text); m != nil {
		text, hint = text[:m[0]], " (from "+text[m[2]:m[3]]+")"
	}
	if m := meant.FindStringSubmatch(text); m != nil {
		text, hint = m[1], "; "+m[2]
	}
	command := "restante"
	if parsed, ok := errors.AsType[*kong.ParseError](err); ok && parsed.Context.Selected() != nil {
		command = parsed.Context.Selected().FullPath()
	}
	if m := strayArgument.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s is nothing that %q takes%s", placeOf(m[1], args), command, hint)
	}
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s is not a flag of %q%s", placeOf(m[1], args), command, hint)
	}
	if flagWithValue.MatchString(text) {
		return errors.New("a flag that takes no value has one")
	}
	if m := wrongValue.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	return errors.New(text + hint)
}

// placeOf names the place of an argument.
func placeOf(what string, args []string) string {
	i := slices.IndexFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return arg == what || name == what
	})
	if i < 0 {
		return "an argument"
	}
	return fmt.Sprintf("argument %d", i+1)
}
