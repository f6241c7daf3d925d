package memory

// Steps of a Level, in bytes. A level that stays below the first step costs nothing: things with a level have a flat price that
// includes it. The steps keep the budget out of the way of things whose size changes often.
const (
	levelFree = 4 << 10
	levelStep = 8 << 10
)

// Level is a Holding that follows the size of something that grows and shrinks often, such as the bytes that wait for a peer. The
// caller guards it. The zero Level is of nothing.
type Level struct {
	holding *Holding
	held    int
}

// To says that the thing is n bytes large from now on. When it grows and there is no space for it, To changes nothing and returns
// ErrRefused. budget, kind and owner are as in Budget.Hold, and the same in every call. As Holding.Grow, To may call the drop
// functions of shares.
func (l *Level) To(budget *Budget, kind Kind, owner string, n int) error {
	need := levelOf(n)
	if budget == nil || need == l.held {
		return nil
	}
	if need < l.held {
		if need == 0 || need < l.held/2 {
			l.holding.Shrink(l.held - need)
			l.held = need
		}
		return nil
	}
	if l.holding == nil {
		l.holding = budget.Hold(kind, owner)
	}
	if err := l.holding.Grow(need - l.held); err != nil {
		return err
	}
	l.held = need
	return nil
}

// End gives all back. The level may be used again.
func (l *Level) End() {
	l.holding.Release()
	*l = Level{}
}

// levelOf returns how many bytes are held for n bytes.
func levelOf(n int) int {
	if n <= levelFree {
		return 0
	}
	return (n + levelStep - 1) / levelStep * levelStep
}
