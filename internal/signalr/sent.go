package signalr

import "sort"

// Run names messages of a payload that the hub can give again (Session.Replay), so that nothing of them is kept for a
// connection that survives its WebSocket: Count messages of a log that follow each other, from number First on. Log is the
// log: a pointer, or another value that == compares. The zero Run is not a part of a log.
type Run struct {
	Log   any
	First int64
	Count int64
}

// kept is the bytes of one message that is not of a log.
type kept string

// own is the Run of one message that is not of a log, such as a completion: its bytes are kept.
var own = Run{Count: 1}

// Bounds of what a connection remembers of what its client has not acknowledged. Beyond them the oldest is forgotten, and
// the connection can be taken up again only after the client has acknowledged that.
const (
	keptBound = 100_000 // bytes of messages that are not of a log
	runsBound = 4096    // runs, of about 40 bytes each
)

// sentRun is a Run whose first message is the nth that the connection has sent. For messages that are not of a log, Log is
// kept.
type sentRun struct {
	Run
	number int64
}

func (r *sentRun) last() int64 { return r.number + r.Count - 1 }

// sent remembers what a connection has sent and its client has not acknowledged, as runs. The messages are numbered from 1
// on. It is not safe for concurrent use.
type sent struct {
	last  int64     // number of the last message
	acked int64     // number up to which the client has acknowledged
	runs  []sentRun // what can be sent again: consecutive, up to last
	bytes int       // kept
}

// isLarge reports whether much waits for an acknowledgement.
func (s *sent) isLarge() bool { return s.bytes > keptBound/2 || len(s.runs) > runsBound/2 }

// oldest returns the number of the first message that has not been acknowledged, which may not have been sent yet.
func (s *sent) oldest() int64 { return s.acked + 1 }

// whole reports whether all that has not been acknowledged can be sent again.
func (s *sent) whole() bool {
	return s.oldest() > s.last || len(s.runs) > 0 && s.runs[0].number <= s.oldest()
}

// add numbers messages that are sent now. payload is kept if they are not of a log.
func (s *sent) add(run Run, payload []byte) {
	number := s.last + 1
	s.last += run.Count
	if run.Log == nil {
		run.Log = kept(payload)
		s.bytes += len(payload)
	} else if n := len(s.runs); n > 0 {
		if before := &s.runs[n-1]; before.Log == run.Log && before.First+before.Count == run.First {
			before.Count += run.Count
			return
		}
	}
	s.runs = append(s.runs, sentRun{run, number})
}

// ack notes what the client has acknowledged. Numbers that it has not been sent mean all.
func (s *sent) ack(number int64) { s.acked = max(s.acked, min(number, s.last)) }

// forget drops what has been acknowledged, and what is beyond the bounds, but nothing after upTo.
func (s *sent) forget(upTo int64) {
	n, runs := 0, len(s.runs)
	for ; n < runs && s.runs[n].last() <= upTo; n++ {
		if s.runs[n].last() > s.acked && s.bytes <= keptBound && runs-n <= runsBound {
			break
		}
		if bytes, ok := s.runs[n].Log.(kept); ok {
			s.bytes -= len(bytes)
		}
	}
	if n == runs {
		s.runs = nil // an idle connection keeps nothing
		return
	}
	clear(s.runs[:n])
	s.runs = s.runs[n:]
}

// after returns what follows the message of that number, as far as it is one run; ok is false when nothing does, or when
// it is forgotten.
func (s *sent) after(number int64) (run Run, ok bool) {
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].last() > number })
	if i == len(s.runs) || s.runs[i].number > number+1 {
		return Run{}, false
	}
	run = s.runs[i].Run
	skip := number + 1 - s.runs[i].number
	run.First, run.Count = run.First+skip, run.Count-skip
	return run, true
}

// unacknowledged returns the runs of logs that hold messages which have not been acknowledged.
func (s *sent) unacknowledged() (runs []Run) {
	for at := s.acked; ; {
		run, ok := s.after(at)
		if !ok {
			return runs
		}
		at += run.Count
		if _, ok := run.Log.(kept); !ok {
			runs = append(runs, run)
		}
	}
}
