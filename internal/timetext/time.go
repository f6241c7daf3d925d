// Package timetext reads the times and durations that people and programs write. The HTTP API, the flags, the environment and the
// configuration file read them here, so that a text means the same everywhere.
//
// A time is where somebody begins to read. So a text that could mean two times is refused, or is read as the earlier one: that
// repeats messages and skips none.
package timetext

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	errForm   = errors.New("must be a time of RFC 3339 such as 2026-01-02T15:04:05.123Z")
	errNoDate = errors.New("must have a date and name its time zone, such as 2026-01-02T15:04Z")
	errNoZone = errors.New("must name its time zone: add Z for UTC, or an offset such as +01:00")
)

// Parse reads a time that a request brings: a date, or RFC 3339 with or without seconds, with a fraction of any length and any
// offset, also where it was escaped wrongly, such as a '+' that arrived as a space. Without an offset, a date and a time with
// seconds are in UTC, as they always were; any other time without an offset is an error, since nobody knows which messages would be
// skipped. The result is in UTC, cut to nanoseconds. The text of an error says what the time must be. Parse does not block, and may be
// called concurrently.
func Parse(text string) (time.Time, error) {
	w, ok := read(text)
	switch {
	case !ok:
		return time.Time{}, errForm
	case w.date == "":
		return time.Time{}, errNoDate
	case w.clock != "" && w.second == "" && w.zone == "":
		return time.Time{}, errNoZone
	}
	return w.in(time.UTC)
}

// ParseLocal reads a time that somebody on this machine types. It reads what Parse does, but without an offset a time is in the
// zone of now. Besides that it reads 15:04, with or without seconds, which is the last time that it was 15:04 before now, and a
// duration such as 90m or 2d, which is that long before now. Errors are as those of Parse.
func ParseLocal(text string, now time.Time) (time.Time, error) {
	if ago, err := ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UTC(), nil
	}
	w, ok := read(text)
	switch {
	case !ok, w.date == "" && w.zone != "":
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-01-31T09:00:00Z, 2026-01-31T09:00 or 09:00, nor a duration such as 90m, 2d or 1w", text)
	case w.date != "":
		return w.in(now.Location())
	}
	w.date = now.Format(time.DateOnly)
	t, err := w.in(now.Location())
	if err == nil && t.After(now) {
		w.date = now.AddDate(0, 0, -1).Format(time.DateOnly)
		return w.in(now.Location())
	}
	return t, err
}

// written is the parts of a time as it was written. Those that it does not have are empty.
type written struct {
	date           string // 2026-01-31
	clock          string // 09:00, and what follows it
	hour, minute   string
	second         string
	fraction, zone string
}

// form is what clients write when they mean RFC 3339. A space before the zone is a '+' that was not escaped, unless a sign follows.
var form = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)?(?:(?:^|[T ])((\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?( *Z| *[+-]\d\d(?::?\d\d)?| +\d\d(?::?\d\d)?)?))?$`)

func read(text string) (written, bool) {
	m := form.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(text)))
	if m == nil || m[1] == "" && m[2] == "" {
		return written{}, false
	}
	return written{date: m[1], clock: m[2], hour: m[3], minute: m[4], second: m[5], fraction: m[6], zone: m[7]}, true
}

// in returns the time in UTC. Without a zone it is one of the location. A leap second is read as the second before it.
func (w written) in(location *time.Location) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, w.date)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a day of the calendar", w.date)
	}
	if w.zone != "" {
		offset, ok := offsetOf(w.zone)
		if !ok {
			return time.Time{}, fmt.Errorf("%q is not an offset from UTC, such as +01:00", strings.TrimSpace(w.zone))
		}
		location = time.FixedZone("", offset)
	}
	hour, minute, second := number(w.hour), number(w.minute), number(w.second)
	nanos := number((w.fraction + "000000000")[:9])
	leap := second == 60
	if leap {
		second = 59
	}
	midnight := hour == 24 && minute == 0 && second == 0 && nanos == 0 // the end of the day, in ISO 8601
	if !midnight && (hour > 23 || minute > 59 || second > 59) {
		return time.Time{}, fmt.Errorf("%q is not a time of the day", w.clock)
	}
	t := earliest(time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, nanos, time.UTC), location)
	if leap && (t.Hour() != 23 || t.Minute() != 59) {
		return time.Time{}, fmt.Errorf("%q is not a time of the day: a leap second is 23:59:60 in UTC", w.clock)
	}
	return t, nil
}

// earliest returns, in UTC, when the clocks of a location show what shown is in UTC. They show it twice when they are set back, and
// never when they are set forward over it; then it is the earlier one of the two times that may be meant.
func earliest(shown time.Time, location *time.Location) time.Time {
	_, before := shown.Add(-24 * time.Hour).In(location).Zone()
	_, after := shown.Add(24 * time.Hour).In(location).Zone()
	first := shown.Add(-time.Duration(max(before, after)) * time.Second)
	second := shown.Add(-time.Duration(min(before, after)) * time.Second)
	if showsAt(second, location).Equal(shown) && !showsAt(first, location).Equal(shown) {
		return second
	}
	return first
}

// showsAt returns what the clocks of a location show at t, as a time in UTC.
func showsAt(t time.Time, location *time.Location) time.Time {
	_, offset := t.In(location).Zone()
	return t.Add(time.Duration(offset) * time.Second)
}

// offsetOf returns the seconds of a zone that form has found.
func offsetOf(zone string) (seconds int, ok bool) {
	zone = strings.TrimSpace(zone)
	if zone == "Z" {
		return 0, true
	}
	sign := 1
	if zone[0] == '-' {
		sign = -1
	}
	digits := strings.ReplaceAll(strings.TrimLeft(zone, "+-"), ":", "")
	hours, minutes := number(digits[:2]), number(digits[2:])
	return sign * (hours*60 + minutes) * 60, hours < 24 && minutes < 60
}

// number returns the value of digits that form has found, 0 for none. They are few enough for an int.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
