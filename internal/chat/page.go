package chat

import "slices"

// FirstPage returns the first messages of a list, as many as fit into a page. If it leaves messages out it returns a
// copy, so that the others can be freed.
func FirstPage(messages []Message) []Message {
	size := 0
	for i := range messages {
		if size += len(messages[i].Msg); size > MaxPageBytes && i > 0 {
			return slices.Clone(messages[:i])
		}
	}
	return messages
}

// LastPage returns the last messages of a list, as many as fit into a page. If it leaves messages out it returns a
// copy, so that the others can be freed.
func LastPage(messages []Message) []Message {
	size := 0
	for i := len(messages) - 1; i >= 0; i-- {
		if size += len(messages[i].Msg); size > MaxPageBytes && i < len(messages)-1 {
			return slices.Clone(messages[i+1:])
		}
	}
	return messages
}
