package timetext_test

import (
	"strings"
	"testing"
	"time"

	"restante/internal/timetext"
)

func TestParse_WhatClientsWriteForOneTime(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 5, 120_000_000, time.UTC)
	for _, text := range []string{
		"2026-01-02T03:04:05.12Z", "2026-01-02T03:04:05.120Z", "2026-01-02T03:04:05.120000000000Z", "2026-01-02t03:04:05.12z",
		"2026-01-02T05:04:05.12+02:00", "2026-01-02T05:04:05.12 02:00", "2026-01-02T05:04:05.12+0200", "2026-01-01T22:04:05.12-05:00",
		"2026-01-02T05:04:05.12+02", "2026-01-02T05:04:05.12 02", "2026-01-02T05:04:05.12 0200", "2026-01-02 05:04:05.12 +0200",
		"2026-01-02 05:04:05.12  0200", "2026-01-02 03:04:05.12Z", "2026-01-02 05:04:05.12 02:00", "2026-01-02T03:04:05.12",
		"2026-01-02 03:04:05,12", " 2026-01-02T03:04:05.12Z ", "2026-01-02T3:04:05.12Z", "2026-01-02T08:49:05.12+05:45",
		"2026-01-02T03:04:05.12-00:00",
	} {
		if got, err := timetext.Parse(text); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestParse_OtherTimes(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-02":                                     "2026-01-02T00:00:00Z",
		"2026-01-02T15:04Z":                              "2026-01-02T15:04:00Z",
		"2026-01-02T15:04+01:00":                         "2026-01-02T14:04:00Z",
		"2026-01-02 15:04 0100":                          "2026-01-02T14:04:00Z",
		"2026-01-02T15:04-01":                            "2026-01-02T16:04:00Z",
		"2026-01-02T15:04:05":                            "2026-01-02T15:04:05Z",
		"2016-12-31T23:59:60Z":                           "2016-12-31T23:59:59Z",
		"2016-12-31t23:59:60.999999999z":                 "2016-12-31T23:59:59.999999999Z",
		"1990-12-31T15:59:60-08:00":                      "1990-12-31T23:59:59Z",
		"2017-01-01T05:29:60 0530":                       "2016-12-31T23:59:59Z",
		"2026-06-30T23:59:60":                            "2026-06-30T23:59:59Z",
		"2026-01-02T24:00:00Z":                           "2026-01-03T00:00:00Z",
		"2026-12-31T24:00+01:00":                         "2026-12-31T23:00:00Z",
		"2024-02-29T00:00:00Z":                           "2024-02-29T00:00:00Z",
		"2026-01-02T15:04:05.999999999999Z":              "2026-01-02T15:04:05.999999999Z",
		"2026-01-02T15:04:05." + strings.Repeat("1", 99): "2026-01-02T15:04:05.111111111Z",
	} {
		got, err := timetext.Parse(text)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v (%v), want %s", text, got.Format(time.RFC3339Nano), err, want)
		}
	}
}

func TestParse_SaysWhatATimeMustBe(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-02T15:04":           "must name its time zone: add Z for UTC", // what an input of type datetime-local gives
		"2026-01-02 15:04":           "must name its time zone",
		"2026-01-02T24:00":           "must name its time zone",
		"15:04":                      "must have a date",
		"15:04:05":                   "must have a date",
		"15:04Z":                     "must have a date",
		"":                           "must be a time of RFC 3339",
		"now":                        "must be a time of RFC 3339",
		"yesterday":                  "must be a time of RFC 3339",
		"2026":                       "must be a time of RFC 3339",
		"1767323045":                 "must be a time of RFC 3339",
		"1h":                         "must be a time of RFC 3339",
		"2026-01-02T15:04:05Z junk":  "must be a time of RFC 3339",
		"2026-01-02Z":                "must be a time of RFC 3339",
		"2026-01-02+01:00":           "must be a time of RFC 3339",
		"2026-01-02T":                "must be a time of RFC 3339",
		"2026-1-2T15:04:05Z":         "must be a time of RFC 3339",
		"2026-01-02T15:04:05.Z":      "must be a time of RFC 3339",
		"2026-01-02T15:04:05+1":      "must be a time of RFC 3339",
		"2026-01-02T15:04:05\n2026":  "must be a time of RFC 3339",
		"2026-01-02T15:04:٠٥Z":       "must be a time of RFC 3339",
		"2026-13-01":                 `"2026-13-01" is not a day`,
		"2026-02-29T00:00:00Z":       `"2026-02-29" is not a day`,
		"2026-01-02T25:00:00Z":       "is not a time of the day",
		"2026-01-02T24:00:01Z":       "is not a time of the day",
		"2026-01-02T15:60:00Z":       "is not a time of the day",
		"2026-01-02T15:04:61Z":       "is not a time of the day",
		"2026-01-02T15:04:60Z":       "a leap second is 23:59:60 in UTC",
		"2026-12-31T23:59:60+01:00":  "a leap second is 23:59:60 in UTC",
		"2026-01-02T15:04:05+25:99":  `"+25:99" is not an offset`,
		"2026-01-02T15:04:05 99:00":  `"99:00" is not an offset`,
		"2026-01-02T15:04:05.1+0160": `"+0160" is not an offset`,
	} {
		if got, err := timetext.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseLocal(t *testing.T) {
	zurich, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 31, 14, 30, 0, 0, zurich)
	for text, want := range map[string]string{
		"2026-01-31T09:00:00Z":      "2026-01-31T09:00:00Z",
		"2026-01-31T09:00:00+05:00": "2026-01-31T04:00:00Z",
		"2026-01-31T09:00:00":       "2026-01-31T08:00:00Z",
		"2026-01-31T09:00":          "2026-01-31T08:00:00Z",
		"2026-01-31 09:00":          "2026-01-31T08:00:00Z",
		"2026-07-31 09:00:00.5":     "2026-07-31T07:00:00.5Z",
		"2026-01-31":                "2026-01-30T23:00:00Z",
		"09:00":                     "2026-01-31T08:00:00Z",
		"9:00:01.5":                 "2026-01-31T08:00:01.5Z",
		"14:30":                     "2026-01-31T13:30:00Z",
		"14:31":                     "2026-01-30T13:31:00Z", // it is not 14:31 yet
		"24:00":                     "2026-01-30T23:00:00Z",
		"2026-10-25 02:30":          "2026-10-25T00:30:00Z", // the clocks show it twice
		"2026-03-29 02:30":          "2026-03-29T00:30:00Z", // they never do
		"2026-03-29 03:30":          "2026-03-29T01:30:00Z",
		"2026-03-29 01:30":          "2026-03-29T00:30:00Z",
		"2026-10-25 03:30":          "2026-10-25T02:30:00Z",
		"2026-10-25 01:30":          "2026-10-24T23:30:00Z",
		"2017-01-01 00:59:60":       "2016-12-31T23:59:59Z",
		"90m":                       "2026-01-31T12:00:00Z",
		"2d":                        "2026-01-29T13:30:00Z",
		"1w":                        "2026-01-24T13:30:00Z",
		"0":                         "2026-01-31T13:30:00Z",
	} {
		got, err := timetext.ParseLocal(text, now)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %s (%v), want %s", text, got.Format(time.RFC3339Nano), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-1h", "15:04Z", "25:00", "12:34:60", "2026-02-30", "2026-01-31T09:00+99:00", "1767323045", "5"} {
		if got, err := timetext.ParseLocal(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"2026-01-02T03:04:05.12Z", "2016-12-31T23:59:60 05:30", "15:04", "24:00", "1d12h"} {
		f.Add(text)
	}
	now := time.Date(2026, 1, 31, 14, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := timetext.Parse(text)
		if again, err2 := timetext.Parse(got.Format(time.RFC3339Nano)); err == nil && got.Year() > 0 && got.Year() < 10000 && (err2 != nil || !again.Equal(got)) {
			t.Errorf("%q is %v, and that is %v (%v)", text, got, again, err2)
		}
		if local, err2 := timetext.ParseLocal(text, now); err == nil && (err2 != nil || !local.Equal(got)) {
			t.Errorf("%q is %v in a request and %v (%v) typed in UTC", text, got, local, err2)
		}
	})
}
