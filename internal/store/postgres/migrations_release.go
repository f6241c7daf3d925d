//go:build !tomorrow

package postgres

import "io/fs"

// migrations are those of this version. The build tag tomorrow adds one; see internal/chat/features_release.go.
var migrations = []fs.FS{released}
