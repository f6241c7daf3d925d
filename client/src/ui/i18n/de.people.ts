/** The texts about who one is, and about failures of the app itself, in the syntax of Fluent. */
export const de = `
another-title = Als jemand anderes weitermachen?
another-text = Du bist { $now }. Dieses Token gehört { $client }.
another-unsent-stays = { $count ->
    [one] 1 Nachricht von { $now } ist noch nicht gesendet, bleibt auf diesem Gerät und wird gesendet, wenn { $now } wieder da ist.
   *[other] { $count } Nachrichten von { $now } sind noch nicht gesendet, bleiben auf diesem Gerät und werden gesendet, wenn { $now } wieder da ist.
}
another-unsent-lost = { $count ->
    [one] 1 Nachricht von { $now } ist noch nicht gesendet und ginge verloren, weil auf diesem Gerät nichts gespeichert wird.
   *[other] { $count } Nachrichten von { $now } sind noch nicht gesendet und gingen verloren, weil auf diesem Gerät nichts gespeichert wird.
}
another-accept = Weiter als { $client }
another-stay = { $now } bleiben
another-still = Du bist weiterhin { $now }.
token-unused = Das Token wurde nicht verwendet
token-unchecked = Das Token gehört { $client }. Der Server antwortet gerade nicht. Er wird danach gefragt, sobald er antwortet.
token-kept = Du bist einem Link für { $client } gefolgt. Der Server antwortet gerade nicht. Sobald er antwortet, wirst du angemeldet.
token-forget = Link vergessen
problem-not-checked = Der Server antwortet nicht, deshalb kann das Token nicht geprüft werden. Versuch es später noch einmal.

broken-message = Diese Nachricht kann nicht angezeigt werden
broken-room = Dieser Raum kann nicht angezeigt werden
failed-title = Die App kann nicht angezeigt werden
failed-text = Dabei ist etwas schiefgegangen. Was auf diesem Gerät gespeichert ist, ist noch da.
open-without = Ohne das Gespeicherte öffnen
open-without-hint = Es bleibt auf dem Gerät und wird beim nächsten Start wieder verwendet.
copy-events = Ereignisse kopieren

link-elsewhere = Pausiert, in anderen Tabs verbunden
use-tab = Diesen Tab nutzen
`;
