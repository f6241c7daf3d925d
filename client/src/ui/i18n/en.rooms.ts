/** The texts of the list of rooms, the search, the settings and the notifications, in the syntax of Fluent. */
export const en = `
rooms-empty = You are in no room yet.
mentions = { $count ->
    [one] mentioned once
   *[other] mentioned { $count } times
}
row-muted = notifications off
row-seldom = checked every half minute
discover = More rooms on this server
find = Find a room
find-or-create = Find or create a room
find-name = Room
find-placeholder = The beginning of its name
find-nearest = Use { $room }
find-group-joined = Your rooms
find-group-found = On this server
find-group-new = By its name
find-joined = You are in it
find-open = Open
find-join = Join
find-create = Create this room
find-unknown = If it does not exist, it begins with its first message
find-messages = { $count ->
    [one] 1 message
   *[other] { $count } messages
}
find-looking = Looking on the server…
find-unreachable = The server cannot be reached. Only your own rooms are shown.
find-failed = The server cannot be searched now. Only your own rooms are shown.
find-more = There are more rooms than fit here: type how the name begins.
find-more-begin = More rooms begin with this: type on.
find-none = No other room begins with this.
find-none-yet = There are no other rooms yet. Type a name to create one.
name-begins = A name begins with a small letter or a digit.
name-blank = A name has no spaces. Use a hyphen instead.
name-character = A name cannot have “{ $character }”: only the letters a to z, digits, dots, hyphens and underscores.
name-long = { $count ->
    [one] This name is 1 character too long: it may have 64.
   *[other] This name is { $count } characters too long: it may have 64.
}

pick = Welcome, { $name }
pick-text = Open a room to read what is said in it, and to write.
pick-text-keys = Open a room to read what is said in it, and to write. Press ? for all shortcuts.
open-this = Open { $room }
not-joined = You are not in this room
not-joined-text = Join { $room } to read it.
not-joined-count = { $count ->
    [one] Join { $room } to read its 1 message.
   *[other] Join { $room } to read its { $count } messages.
}
no-such-room = There is no room { $room } yet
no-such-room-text = You can create it. It begins with its first message.
join-this = Join { $room }
create-this = Create { $room }

room-menu = About this room
room-new = No messages yet
leave = Leave the room
leave-text = { $room } is removed from your list. What has been said in it stays, and you can come back.

looks = Display
density = Density
density-comfortable = Comfortable
density-compact = Compact
version = The server has version { $version }.
copy-events-hint = The last events of the app, without messages, names or tokens.

notifications = Notifications
notifications-show = Show notifications
notifications-on = On
notifications-off = Off
notifications-hint = While the app is open in this browser. Each room has its own setting.
notifications-denied = The browser does not allow notifications for this page. Its settings for the page can change that.
notifications-none = This browser shows notifications only on pages with https.
notifications-offer = { $name } wrote while you were away. Show a notification next time?
notifications-accept = Show notifications
notifications-later = Not now
notify-title = { $name } in { $room }
level = Notify me of
level-all = All messages
level-mentions = Mentions only
level-nothing = Nothing

not-loaded = This part is not loaded
not-loaded-text = A part of the app could not be fetched. Try again when the server can be reached. After an update of the server, reload the page.

shortcuts = Keyboard shortcuts
shortcut-find = Go to a room
shortcut-step = Previous or next room
shortcut-step-unread = Previous or next unread room
shortcut-newest = Close what is open, or go to the newest message
shortcut-send = Send the message
shortcut-line = New line
shortcut-help = This list
`;
