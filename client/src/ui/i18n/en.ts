/** The texts of the app, in the syntax of Fluent. */
export const en = `
restante = Restante
restante-unread = ({ $count }) Restante
slogan = Every message that is accepted is kept, and reaches everyone once, in one order.
close = Close
back = Back

welcome-server = Which server?
welcome-name = Welcome
welcome-token = Welcome
name = Your name
name-hint = Others see it beside your messages. There is no password on this server.
token = Token
token-hint = This server asks for a token. Paste the one that you have been given.
token-show = Show the token
token-hide = Hide the token
server = Server
server-hint = Its address, such as chat.example.org
continue = Continue
busy = One moment…
opening = Opening…
unreachable-title = The server does not answer
unreachable-text = { $server } cannot be reached at the moment.
try-again = Try again

problem-not-an-address = This is not the address of a server.
problem-no-answer = Nobody answers at this address.
problem-not-a-name = This cannot be a name: it needs 1 to 128 bytes, at least one visible character, and no control characters.
problem-not-a-token = This is not a token of a Restante server.
problem-expired = This token has expired.
problem-not-accepted = The server does not accept this token.

rooms = Rooms
unread = { $count } unread
you = You
draft = Draft
waiting = Waiting

cancel = Cancel

message = Message
send = Send
remaining = { $count ->
    [one] 1 byte left
   *[other] { $count } bytes left
}
too-long = { $count ->
    [one] The message is 1 byte too long. Shorten it, or send it in parts.
   *[other] The message is { $count } bytes too long. Shorten it, or send it in parts.
}
read-only = You may read here, but not write.
not-sent = The message was not accepted: { $reason }
not-kept = The message is being sent, but this device cannot save it. Keep the app open until it has been sent.

link-connecting = Connecting…
link-live = Connected
link-offline = Offline
link-unreachable = No connection to the server
link-refused = The token is not valid any more
link-closed = Disconnected
link-waiting = { $link }, { $count ->
    [one] 1 message waiting
   *[other] { $count } messages waiting
}
link-unkept = { $link } (this device saves nothing)
try-now = Try now
new-token = Enter a new token

settings = Settings
language = Language
language-device = As the device
scheme = Appearance
scheme-system = As the device
scheme-light = Light
scheme-dark = Dark
about = About
about-text = Restante keeps what it has accepted: one order for each room, once, to everyone.
sign-out = Sign out
sign-out-hint = Removes everything that this device keeps, of everybody who was signed in here.
sign-out-waiting = { $count ->
    [one] 1 message has not been sent. It would be lost.
   *[other] { $count } messages have not been sent. They would be lost.
}
sign-out-anyway = Sign out and lose them
`;
