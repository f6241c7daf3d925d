package journey

import "restante/internal/errs"

// Told returns what the sender of a message is told when Accept has failed with err, which is of class errs.Unavailable or
// errs.Internal: whether the message was refused or the outcome is not known, the reason in words for the sender, and the id to
// repeat. id is empty if the message was refused before it had one, and if another node has given it one that is not known here.
func Told(err error, reason, id string) string {
	unknown := errs.IsUnknown(err)
	text := "the message was not accepted: " + reason
	if unknown {
		text = "it is not known whether the message was accepted: " + reason
	}
	switch {
	case id != "":
		return text + "; send it again with the same id, " + id + ", that cannot make it appear twice"
	case unknown:
		return text + "; it has no id by which it could be sent again, so look whether it is there"
	default:
		return text + "; send it again"
	}
}
