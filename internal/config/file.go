package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// File is a flag that names a YAML file with values for the other flags of its command, by their long names without the
// dashes. The command line and the environment take precedence over the file. A name that is no flag is an error, so that a
// typing mistake is not ignored silently.
type File string

// BeforeResolve adds the file as a source of values. Kong calls it once the value of the flag itself is known.
func (f File) BeforeResolve(ctx *kong.Context, trace *kong.Path) error {
	command := ctx.Selected()
	if command == nil || !slices.Contains(command.Flags, trace.Flag) {
		return nil // the environment variable is set, but this command has no configuration file
	}
	path, _ := ctx.FlagValue(trace.Flag).(File)
	if path == "" {
		return nil
	}
	values, err := readFile(string(path))
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	for _, flag := range command.Flags {
		if flag != trace.Flag && flag.Name != "help" {
			known[flag.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !known[name] {
			err = errors.Join(err, fmt.Errorf("%s: line %d does not begin with the name of a flag of %q%s", path, values[name].Line, command.Name, suggestion(name, known)))
		}
	}
	ctx.AddResolver(resolver(values))
	return err
}

// suggestion returns the names that a wrong one may have been meant as, for the end of an error. The wrong name is not part of it: it may be
// a secret that stands in the wrong place.
func suggestion(wrong string, known map[string]bool) string {
	var near []string
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if distance(wrong, name) <= 2 || strings.ReplaceAll(strings.ToLower(wrong), "_", "-") == name {
			near = append(near, strconv.Quote(name))
		}
	}
	if len(near) == 0 {
		return ""
	}
	return ": did you mean " + strings.Join(near, " or ") + "?"
}

// distance returns how many bytes must be added, removed or replaced to make b of a, or a greater number than 2.
func distance(a, b string) int {
	if max(len(a), len(b))-min(len(a), len(b)) > 2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func readFile(path string) (map[string]yaml.Node, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	values := make(map[string]yaml.Node)
	err = yaml.NewDecoder(f).Decode(&values)
	var notMap *yaml.TypeError // its text quotes the file, which may hold a secret
	switch {
	case errors.As(err, &notMap):
		return nil, fmt.Errorf("--config: %s: is not made of lines such as 'listen: 127.0.0.1:8080'", path)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("--config: %s: %s", path, withoutNames(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	return values, nil
}

// namesOfAnchors matches what YAML's errors say of a value that begins with * or &. It may be a secret.
var namesOfAnchors = regexp.MustCompile(`(?s)anchor '.*'`)

func withoutNames(fault string) string {
	return namesOfAnchors.ReplaceAllString(fault, "anchor; a value that begins with * or & stands in quotes")
}

// resolver gives the file's values to the flags that the environment does not set: kong itself would prefer the file.
func resolver(values map[string]yaml.Node) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		node, ok := values[flag.Name]
		if !ok || slices.ContainsFunc(flag.Envs, isSet) {
			return nil, nil
		}
		return valueOf(&node)
	})
}

// valueOf returns a value of the file as kong reads it: a text, a list of texts, or nil for none. A text is what stands in the file,
// as it would stand in the environment: YAML would read 010 as 8, and a secret of digits as a number. Errors do not show the value, which
// may be a secret.
func valueOf(node *yaml.Node) (any, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.SequenceNode {
		return textOf(node)
	}
	list := make([]any, 0, len(node.Content))
	for _, element := range node.Content {
		text, err := textOf(element)
		if err != nil || text == nil {
			return nil, errNotText
		}
		list = append(list, text)
	}
	return list, nil
}

var errNotText = errors.New("must be a text, or a list of texts")

func textOf(node *yaml.Node) (any, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch node.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
		return node.Value, nil
	}
	return nil, errNotText
}

func isSet(env string) bool {
	_, ok := os.LookupEnv(env)
	return ok
}
