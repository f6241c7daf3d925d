//go:build !tomorrow

package chat

// addedFeatures is empty until a release adds a kind of entry. With the build tag tomorrow the binary knows one kind
// and one migration more. The tests of rolling upgrades use such a binary as the newer version and the usual one as the
// older version.
var addedFeatures []Feature
