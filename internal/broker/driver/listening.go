package driver

// Listening asks a subscriber which rooms it listens to, each room once for all announcements that have arrived together. So a
// room is heard in one way within them. It is for one goroutine.
type Listening struct {
	to      Subscriber
	answers map[string]bool
}

// NewListening returns a Listening that asks s.
func NewListening(s Subscriber) *Listening {
	return &Listening{to: s, answers: make(map[string]bool)}
}

// Begin forgets the answers. Call it when more announcements have arrived.
func (l *Listening) Begin() { clear(l.answers) }

// To reports whether the subscriber listens to the room.
func (l *Listening) To(room string) bool {
	listens, asked := l.answers[room]
	if !asked {
		listens = l.to.Listens(room)
		l.answers[room] = listens
	}
	return listens
}
