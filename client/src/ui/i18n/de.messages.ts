/** The texts of messages and their list, in the syntax of Fluent. */
export const de = `
today = Heute
yesterday = Gestern
messages-in = Nachrichten in { $room }
unread-separator = Neu
first-unread = Frühere ungelesene
jump = Zur neuesten springen
jump-count = Zur neuesten springen, { $count } neue
loading = Wird geladen …
empty = Hier wurde noch nichts gesagt
empty-text = Was du sendest, bleibt und erreicht alle, die beitreten.
refused = Diesen Raum darfst du nicht lesen.
removed = Ältere Nachrichten werden nicht mehr aufbewahrt.
went-back = Der Server ist auf einen früheren Stand zurückgegangen. Manche Nachrichten können fehlen, auch solche von dir.
went-back-after = Der Server ist auf einen früheren Stand zurückgegangen. Nachrichten nach { $time } können fehlen, auch solche von dir.
older-failed = Frühere Nachrichten sind gerade nicht zu bekommen. Noch einmal versuchen
state-waiting = Wartet
state-accepted = Angenommen
state-failed = Fehlgeschlagen
failed-because = Nicht angenommen: { $reason }
waits-because = Noch nicht angenommen: { $reason }
discard = Verwerfen
show-all = Alles zeigen
show-less = Weniger zeigen
announce-one = { $sender }: { $text }
announce-many = { $count } neue Nachrichten
`;
