/** The texts of messages and their list, in the syntax of Fluent. */
export const en = `
today = Today
yesterday = Yesterday
messages-in = Messages in { $room }
unread-separator = New
first-unread = Earlier unread
jump = Jump to the latest
jump-count = Jump to the latest, { $count } new
loading = Loading…
empty = Nothing has been said here yet
empty-text = Whatever you send is kept, and reaches everyone who joins.
refused = You may not read this room.
removed = Older messages are no longer kept.
went-back = The server has gone back to an earlier state. Some messages may be missing, also ones that you have sent.
went-back-after = The server has gone back to an earlier state. Messages after { $time } may be missing, also ones that you have sent.
older-failed = Earlier messages cannot be fetched now. Try again
state-waiting = Waiting
state-accepted = Accepted
state-failed = Failed
failed-because = Not accepted: { $reason }
waits-because = Not accepted yet: { $reason }
discard = Discard
show-all = Show all
show-less = Show less
announce-one = { $sender }: { $text }
announce-many = { $count } new messages
`;
