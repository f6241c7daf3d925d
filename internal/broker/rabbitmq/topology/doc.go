// Package topology knows what must be on the broker: exchanges, queues with their arguments, bindings, the number of
// partitions. It makes what is missing, at any time, and keeps the record that all nodes agree on.
//
// plan.go has names, arguments and bindings. record.go is the record, and lock.go the lock under which it is changed. keeper.go is
// the Keeper: first.go decides which record a broker without one gets, look.go finds and makes what is missing, restore.go
// brings back a deleted queue with what its consumer had in hand, refresh.go reads the record. compare.go says in which form a
// queue is accepted. tool.go reads and changes the record without a node.
package topology
