package hub

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

func TestWhole_ReadsNumbersInAnyForm(t *testing.T) {
	for text, want := range map[string]whole{
		"18": 18, "18.0": 18, "1.8e1": 18, "1.8E+1": 18, "180e-1": 18, "1800.00e-2": 18, "1e2": 100, "100e0": 100, "0": 0, "-0": 0, "-0.0": 0,
		"0e99999999999999999999": 0, "0.0e-99999999999999999999": 0, "-18.0": -18, "9007199254740993": 9007199254740993, "9007199254740992.0": maxWhole,
		"0.00018e5": 18, "9223372036854775807": 9223372036854775807, "0.0000000000000000000018e22": 18, "null": 7,
	} {
		got := whole(7)
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		"18.5": "a number that is not whole, or too large where a whole number is expected",
		"1e-1": "number", "18.00000000000000000000001": "number", "9007199254740993.0": "number", "9007199254740992.5": "number", "1e16": "number",
		"1e99999999999999999999": "number", "1e-99999999999999999999": "number", "1e400": "number", "9223372036854775808": "number",
		`"18"`: "a string where", "{}": "object", "[]": "array", "true": "bool",
	} {
		var got whole
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(typeFault(err), says) {
			t.Errorf("%s: %d, %v, want %s", text, got, err, says)
		}
	}
}

// A number is read if and only if it is whole and small enough, and then exactly.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{"18.0", "1.8e1", "-0.5e-3", "9007199254740993.0", "1e300", "00", "1e", ".5", "-", "1e+5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got whole
		err := json.Unmarshal([]byte(text), &got)
		var number json.Number
		if len(text) > 40 || json.Unmarshal([]byte(text), &number) != nil || strings.ContainsAny(text, "\" \t\r\n") || number == "" {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			return // an exponent beyond what the library reads
		}
		limit := int64(maxWhole)
		if !strings.ContainsAny(text, ".eE") {
			limit = 1<<63 - 1
		}
		fits := exact.IsInt() && exact.Num().IsInt64() && exact.Num().CmpAbs(big.NewInt(limit)) <= 0
		if (err == nil) != fits || fits && exact.Num().Int64() != int64(got) {
			t.Errorf("%s is read as %d, %v", text, got, err)
		}
	})
}
