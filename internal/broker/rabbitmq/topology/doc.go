// Package topology knows what must be on the broker: exchanges, queues with their arguments, bindings, the number of
// partitions. It makes what is missing, at any time, and keeps the record that all nodes agree on.
package topology
