//go:build tomorrow

package chat

// kindTomorrow is the kind that only the newer version of the tests of rolling upgrades knows. It reads such an entry as
// a message.
const kindTomorrow Kind = "tomorrow"

var addedFeatures = []Feature{OfKind(kindTomorrow)}
