//go:build !noweb

package client

import "embed"

// Embedded says whether this program contains the web client. It is false in builds with -tags noweb.
const Embedded = true

//go:embed all:dist
var dist embed.FS
