// Package deadletter is what becomes of a message that can never be stored: a letter in the queue restante.dead, with the
// reason, that an operator lists, replays or drops. The nodes write letters, RabbitMQ makes others where a policy tells it to,
// and `restante dead` reads them.
//
// Read letter.go first: what a letter is, how New makes one of a message, and how a message is made of it again. death.go
// reads the letters that RabbitMQ makes. queue.go has Queue, what an operator can do: List, Get, Replay, Drop. scan.go is
// below it: one walk through the queue, which leaves every letter in the queue that was not removed on purpose. replay.go
// sends the message of a letter back to where it came from.
package deadletter
