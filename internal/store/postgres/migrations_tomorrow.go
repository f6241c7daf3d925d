//go:build tomorrow

package postgres

import (
	"embed"
	"io/fs"
)

//go:embed tomorrow/*.sql
var tomorrow embed.FS

// migrations are those of this version, and one more that only the newer version of the tests of rolling upgrades has.
var migrations = []fs.FS{released, tomorrow}
