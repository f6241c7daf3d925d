//go:build noweb

package client

import "embed"

// Embedded says whether this program holds the web client: it does unless it was built with -tags noweb.
const Embedded = false

var dist embed.FS
