package chat

import (
	"errors"
	"strings"
	"unicode/utf8"

	"restante/internal/errs"
)

// Validate reports every fault of a message that is about to be accepted, as one error that joins errs.Error values.
// The id must be canonical already (see ParseID), the name trimmed (see TrimName).
func (m *Message) Validate() error {
	return errors.Join(ValidateRoom(m.Room), ValidateName("client_id", m.ClientID), validateMsg(m.Msg), validateID(m.ID))
}

// RoomForm is what the name of a room must be, for error texts.
const RoomForm = "1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"

// ValidateRoom returns an error unless name can be the name of a room, see RoomForm.
func ValidateRoom(name string) error {
	const want = "must be " + RoomForm
	if name == "" || len(name) > MaxRoomBytes {
		return errs.Field("room", want)
	}
	for i, c := range []byte(name) {
		alnum := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return errs.Field("room", want)
		}
	}
	return nil
}

// RoomsWith returns two texts between which the names of rooms that begin with prefix sort (bytewise), and no other names: names
// have no '~', which sorts after every character that they have. Without a prefix there is no beginning and no end.
func RoomsWith(prefix string) (after, before string) {
	if prefix == "" {
		return "", ""
	}
	last := len(prefix) - 1
	return prefix[:last] + string(rune(prefix[last]-1)) + "~", prefix + "~"
}

func validateMsg(msg string) error {
	if msg == "" || len(msg) > MaxMsgBytes {
		return errs.Field("msg", "must be 1 to %d bytes of UTF-8, is %d", MaxMsgBytes, len(msg))
	}
	if !utf8.ValidString(msg) {
		return errs.Field("msg", "must be valid UTF-8")
	}
	return nil
}

func validateID(id string) error {
	if canonical, err := ParseID(id); err != nil || canonical != id {
		return errs.Field("id", "must be a UUID such as 0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f")
	}
	return nil
}

// ParseID returns the canonical form of a UUID in its usual text form (36 characters, RFC 9562 section 4), in upper or
// lower case.
func ParseID(id string) (string, error) {
	if len(id) != 36 {
		return "", errs.Field("id", "must be a UUID of 36 characters, is %d", len(id))
	}
	for i, c := range []byte(id) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if dash && c != '-' || !dash && !hex {
			return "", errs.Field("id", "must be a UUID, has %q at %d", c, i)
		}
	}
	return strings.ToLower(id), nil
}
