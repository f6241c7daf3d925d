/** The texts for the reasons that the server or the app gives for what was not done, in the syntax of Fluent. */
export const en = `
reason-invalid = The server does not take this as it is. It says: { $text }
reason-invalid-msg = The text is empty, too long, or has characters that the server does not take. Change it and send it again.
reason-invalid-name = This server does not take your name. Sign out, and sign in with another one.
reason-invalid-room = No room can have this name.
reason-misunderstood = The server does not understand the app. Reload the app, so that both have the same version.
reason-too-large = This is more than the server takes at once. Send it in parts.
reason-unauthenticated = The server does not accept your token any more. Enter a new one.
reason-forbidden = You may not do this here. Ask those who run the server.
reason-conflict = The server has another text of yours in place of this one. Copy the text and send it as a new message.
reason-timeout = The connection is too slow for this. Try again where it is better.
reason-rate-limited = The server takes only so many messages at a time. Wait a moment.
reason-too-many = You have too many rooms or windows open at the same time. Leave a room, or close other windows.
reason-unavailable = The server cannot do this right now. Wait a moment.
reason-internal = The server has made a mistake. If this goes on, tell those who run it.
reason-unreachable = The server does not answer. Check your connection.
reason-unreadable = The answer of the server cannot be read. Something on the way may have changed it.
reason-unknown = The server has refused this. It says: { $text }
`;
