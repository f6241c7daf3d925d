package rabbitmq

import (
	"fmt"
	"testing"
	"time"

	"restante/internal/chat"
)

// keyOfText returns the key of an entry with one message.
func keyOfText(sender, text string) entryKey {
	return keyOf(&entry{messages: []chat.Message{{ID: "x", Room: "r", ClientID: sender, Msg: text}}})
}

func TestConflicts_ASenderGetsABoundedNumberOfLetters(t *testing.T) {
	var c conflicts
	now := time.Now()
	take := func(sender, text string, want outcome) {
		t.Helper()
		if got := c.take(sender, keyOfText(sender, text), now); got != want {
			t.Errorf("%s, %s: outcome %d, want %d", sender, text, got, want)
		}
	}
	for i := range senderLetters {
		take("ann", fmt.Sprint(i), newLetter)
		take("ann", fmt.Sprint(i), sameLetter) // it was delivered again
	}
	take("ann", "one more", firstDrop)
	take("ann", "and more", drop)
	take("ann", "7", sameLetter)
	take("bob", "7", newLetter)
	c.giveBack("bob", keyOfText("bob", "7")) // the broker has not taken it
	take("bob", "7", newLetter)
	now = now.Add(lettersWindow)
	take("ann", "one more", newLetter)
	c.giveBack("bob", keyOfText("bob", "7")) // of the hour before
	if c.all != 1 {
		t.Errorf("%d letters in this hour, want 1", c.all)
	}
}

func TestConflicts_AllSendersGetABoundedNumberOfLetters(t *testing.T) {
	var c conflicts
	now := time.Now()
	counts := map[outcome]int{}
	for i := range allLetters + 100 { // each under another name
		sender := fmt.Sprint("sender ", i)
		counts[c.take(sender, keyOfText(sender, "text"), now)]++
	}
	if counts[newLetter] != allLetters || counts[firstDrop] != 1 || counts[drop] != 99 || len(c.senders) != allLetters || len(c.told) > 0 {
		t.Errorf("outcomes %v, %d senders are known", counts, len(c.senders))
	}
}

// TestKeyOf_TellsEntriesApart: what a redelivery changes does not count, and everything else does.
func TestKeyOf_TellsEntriesApart(t *testing.T) {
	m := chat.Message{ID: "x", Room: "r", ClientID: "ann", Msg: "hi"}
	again := m
	again.SentAt, again.Trace = time.Now(), "another"
	of := func(m ...chat.Message) entryKey { return keyOf(&entry{messages: m}) }
	if of(m) != of(again) {
		t.Error("the same message has another key")
	}
	for i, other := range []chat.Message{
		{ID: "y", Room: "r", ClientID: "ann", Msg: "hi"}, {ID: "x", Room: "s", ClientID: "ann", Msg: "hi"},
		{ID: "x", Room: "r", ClientID: "bob", Msg: "hi"}, {ID: "x", Room: "r", ClientID: "ann", Msg: "ho"},
		{ID: "x", Room: "r", ClientID: "ann\" \"x", Msg: "hi"},
	} {
		if of(m) == of(other) || of(m) == of(m, other) {
			t.Errorf("message %d has the same key", i)
		}
	}
}
