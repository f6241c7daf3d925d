package cli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"restante/internal/server"
)

type versionCmd struct {
	JSON bool `help:"Print a JSON object."`
}

// Help is the text of `restante version --help` below the usage line.
func (versionCmd) Help() string {
	return `Examples:

  restante version
  restante version --json | jq -r .commit`
}

// Run prints the version.
func (c *versionCmd) Run(s *streams) error {
	build := server.ReadBuild()
	if c.JSON {
		return json.NewEncoder(s.out).Encode(build)
	}
	commit := ""
	if build.Commit != "" {
		commit = "commit " + build.Commit + ", "
	}
	_, err := fmt.Fprintf(s.out, "restante %s (%s%s, %s/%s)\n", build.Version, commit, build.Go, runtime.GOOS, runtime.GOARCH)
	return err
}
