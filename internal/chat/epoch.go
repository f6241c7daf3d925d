package chat

// Epoch says which log a store holds. A store has an id, made with it. Within a store an epoch is a stretch of its life in which
// no stored message was lost: while it lasts, a number of a room stands for one message. It ends when the store went back to an
// earlier state, or was put in the place of another one. Then the same numbers may be given again to other messages.
type Epoch struct {
	Store string // the id of the store, a UUID
	ID    string // the id of the epoch: 16 random hexadecimal digits, opaque to clients
	First bool   // it is the store's first epoch, which the ids of events do not write
}
