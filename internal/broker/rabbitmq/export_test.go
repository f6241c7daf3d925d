package rabbitmq

// Partition lets tests choose rooms by their partition.
func Partition(room string, partitions int) int { return partition(room, partitions) }
