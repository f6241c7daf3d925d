// Package health says whether a node can be used now. A Board runs the checks of the node and keeps their outcomes: /readyz
// and the metrics show them, and the heartbeats tell the other nodes which ones fail. It stands beside the journey.
package health
