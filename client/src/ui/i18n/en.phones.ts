/** The texts that only phones need, in the syntax of Fluent. */
export const en = `
# What the app says on phones only.
not-encrypted = Not encrypted: everybody in this network can read along.
problem-not-encrypted = Without https only servers in your own network can be used, because anybody on the way could read along. Ask for an address that begins with https.
`;
