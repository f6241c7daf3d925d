//go:build tomorrow

package chat

// kindTomorrow is a kind that only the newer version in the tests of rolling upgrades knows. That version reads such an
// entry as a message.
const kindTomorrow Kind = "tomorrow"

var addedFeatures = []Feature{OfKind(kindTomorrow)}
