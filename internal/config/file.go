package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
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
		known[flag.Name] = flag != trace.Flag && flag.Name != "help"
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !known[name] {
			err = errors.Join(err, fmt.Errorf("%s: %q is not the name of a flag of %q", path, name, command.Name))
		}
	}
	ctx.AddResolver(resolver(values))
	return err
}

func readFile(path string) (map[string]any, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer f.Close()
	values := make(map[string]any)
	err = yaml.NewDecoder(f).Decode(&values)
	var notMap *yaml.TypeError // its text quotes the file, which may hold a secret
	switch {
	case errors.As(err, &notMap):
		return nil, fmt.Errorf("--config: %s: is not made of lines such as 'listen: 127.0.0.1:8080'", path)
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("--config: %s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return values, nil
}

// resolver gives the file's values to the flags that the environment does not set: kong itself would prefer the file.
func resolver(values map[string]any) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if slices.ContainsFunc(flag.Envs, isSet) {
			return nil, nil
		}
		value := values[flag.Name]
		if !isPlain(value) {
			return nil, errors.New("must be a text in quotes, or a list of them")
		}
		return value, nil
	})
}

// isPlain reports whether kong can read a value, or report it as wrong without showing what may be a secret.
func isPlain(value any) bool {
	switch value := value.(type) {
	case nil, string, bool:
		return true
	case int:
		return int(int32(value)) == value // a limit; a secret of digits is longer
	case []any:
		return !slices.ContainsFunc(value, func(v any) bool { _, text := v.(string); return !text })
	}
	return false
}

func isSet(env string) bool {
	_, ok := os.LookupEnv(env)
	return ok
}
