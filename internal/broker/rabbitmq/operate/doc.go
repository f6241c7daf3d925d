// Package operate is what an operator can do with the broker of the nodes: look at it, set the one policy that it should
// have, change the number of partitions, and say which store the broker belongs to. `restante broker` uses it. It has its own connection and needs no node.
//
// Read operate.go first: Broker, and Status, which it reports. partitions.go changes the number of partitions, when it is
// sure that no node is alive and that the queues are empty. store.go makes the broker belong to another store.
package operate
