package rabbitmq

import (
	"math"
	"slices"
)

// spans is a set of numbers. It keeps ranges, in rising order and without touching each other, since the numbers of confirmed
// messages follow each other but for those that failed.
type spans []span

// span is the numbers from first to last, both among them.
type span struct{ first, last int64 }

// maxSpans bounds the ranges of a set. Beyond it, the two that are closest become one.
const maxSpans = 1024

// add adds a number. It returns false if it had to add others with it, because there were too many ranges.
func (s *spans) add(n int64) (exact bool) {
	i := len(*s) // the range after n: most numbers are the greatest so far
	for i > 0 && (*s)[i-1].last >= n {
		i--
	}
	if i < len(*s) && (*s)[i].first <= n {
		return true
	}
	before, after := i > 0 && (*s)[i-1].last == n-1, i < len(*s) && (*s)[i].first == n+1
	switch {
	case before && after:
		(*s)[i-1].last = (*s)[i].last
		*s = slices.Delete(*s, i, i+1)
	case before:
		(*s)[i-1].last = n
	case after:
		(*s)[i].first = n
	default:
		*s = slices.Insert(*s, i, span{n, n})
		if len(*s) > maxSpans {
			s.join()
			return false
		}
	}
	return true
}

// join makes one range of the two that are closest.
func (s *spans) join() {
	closest, gap := 0, int64(math.MaxInt64)
	for i := range len(*s) - 1 {
		if g := (*s)[i+1].first - (*s)[i].last; g < gap {
			closest, gap = i, g
		}
	}
	(*s)[closest].last = (*s)[closest+1].last
	*s = slices.Delete(*s, closest+1, closest+2)
}

// dropTo removes the numbers up to n.
func (s *spans) dropTo(n int64) {
	i := 0
	for i < len(*s) && (*s)[i].last <= n {
		i++
	}
	*s = slices.Delete(*s, 0, i)
	if len(*s) > 0 && (*s)[0].first <= n {
		(*s)[0].first = n + 1
	}
}

// cut removes the numbers that are greater than after and less than before, and returns them.
func (s *spans) cut(after, before int64) (removed spans) {
	var rest spans
	for _, r := range *s {
		first, last := max(r.first, after+1), min(r.last, before-1)
		if first > last {
			rest = append(rest, r)
			continue
		}
		removed = append(removed, span{first, last})
		if r.first <= after {
			rest = append(rest, span{r.first, min(r.last, after)})
		}
		if r.last >= before {
			rest = append(rest, span{max(r.first, before), r.last})
		}
	}
	*s = rest
	return removed
}

// has reports whether a number is in the set.
func (s spans) has(n int64) bool {
	return slices.ContainsFunc(s, func(r span) bool { return r.first <= n && n <= r.last })
}

// count returns how many numbers there are.
func (s spans) count() (n int64) {
	for _, r := range s {
		n += r.last - r.first + 1
	}
	return n
}
