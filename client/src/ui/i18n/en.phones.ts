/** The texts that only phones need, in the syntax of Fluent. */
export const en = `
# What the app says on phones only.
not-encrypted = Not encrypted: everybody in this network can read along.
problem-not-encrypted = Without https only servers in your own network can be used, because anybody on the way could read along. Ask for an address that begins with https.

# Links that open the app.
follow-other = Another server
follow-other-text = The link leads to { $server }. The app is for one server at a time. You would be signed out of { $present }, and what this device keeps of it would be removed.
follow-first-text = The link leads to { $server }. Use this server?
follow-waiting = { $count ->
    [one] One message that waits to be sent would be lost.
   *[other] { $count } messages that wait to be sent would be lost.
}
follow-change = Sign out and open
follow-use = Use this server
`;
