//go:build !tomorrow

package chat

// addedFeatures is empty until a release adds a kind of entry. The build tag tomorrow makes a binary that knows one kind
// and one migration more than this one: beside it, this one is the older version of the tests of rolling upgrades.
var addedFeatures []Feature
