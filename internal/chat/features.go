package chat

import "slices"

// Feature is something that a node must know in order to read what other nodes write: a kind of entry, a version of the
// envelope, or a form of cursor. Nodes list their features in their heartbeats. A feature that every node needs is used
// only after its switch is written in the store; see docs/decisions/0020-versions-side-by-side.md.
type Feature string

// The features of every version. They need no switch: a node whose heartbeat lists no features has exactly these.
const (
	FeatureEnvelope1  Feature = "envelope:1"
	FeatureMessages   Feature = "kind:message"
	FeatureSeqCursors Feature = "cursor:seq"
)

// BaseFeatures returns the features that every version has.
func BaseFeatures() []Feature {
	return []Feature{FeatureEnvelope1, FeatureMessages, FeatureSeqCursors}
}

// Features returns the features of this version, the base features first.
func Features() []Feature { return append(BaseFeatures(), addedFeatures...) }

// AddedFeatures returns the features of this version that the first version did not have. Each has a switch in the
// store.
func AddedFeatures() []Feature { return slices.Clone(addedFeatures) }

// Knows reports whether this version has a feature.
func Knows(f Feature) bool { return slices.Contains(Features(), f) }

// OfKind returns the feature that a node needs for a kind of entry.
func OfKind(k Kind) Feature { return Feature("kind:" + k) }
