/** The texts that only phones need, in the syntax of Fluent. */
export const de = `
# What the app says on phones only.
not-encrypted = Nicht verschlüsselt: Alle in diesem Netz können mitlesen.
problem-not-encrypted = Ohne https gehen nur Server in deinem eigenen Netz, weil sonst alle unterwegs mitlesen könnten. Frag nach einer Adresse, die mit https beginnt.

# Links that open the app.
follow-other = Ein anderer Server
follow-other-text = Der Link führt zu { $server }. Die App kennt immer nur einen Server. Du würdest bei { $present } abgemeldet, und dieses Gerät vergisst, was es von dort hat.
follow-first-text = Der Link führt zu { $server }. Diesen Server verwenden?
follow-waiting = { $count ->
    [one] Eine Nachricht, die noch nicht gesendet ist, ginge verloren.
   *[other] { $count } Nachrichten, die noch nicht gesendet sind, gingen verloren.
}
follow-change = Abmelden und öffnen
follow-use = Diesen Server verwenden
`;
