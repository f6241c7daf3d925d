package chat

import "slices"

// Feature is something that nodes must know to read what other nodes write: a kind of entry, a version of the envelope,
// or a form of cursor. Nodes list the features that they know in their heartbeats. A feature that every node needs is
// used only after its switch is written in the store; see docs/decisions/0020-versions-side-by-side.md.
type Feature string

// The features of every version. They need no switch: a node whose heartbeat lists no features knows exactly these.
const (
	FeatureEnvelope1  Feature = "envelope:1"
	FeatureMessages   Feature = "kind:message"
	FeatureSeqCursors Feature = "cursor:seq"
)

// BaseFeatures returns the features that every version knows.
func BaseFeatures() []Feature {
	return []Feature{FeatureEnvelope1, FeatureMessages, FeatureSeqCursors}
}

// Features returns the features that this version knows, the base features first.
func Features() []Feature { return append(BaseFeatures(), addedFeatures...) }

// AddedFeatures returns the features that this version knows and the first version did not. Each has a switch in the
// store.
func AddedFeatures() []Feature { return slices.Clone(addedFeatures) }

// Knows reports whether this version knows a feature.
func Knows(f Feature) bool { return slices.Contains(Features(), f) }

// OfKind returns the feature of nodes that know a kind of entry.
func OfKind(k Kind) Feature { return Feature("kind:" + k) }
