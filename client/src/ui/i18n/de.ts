/** The texts of the app, in the syntax of Fluent. */
export const de = `
restante = Restante
restante-unread = ({ $count }) Restante
slogan = Jede angenommene Nachricht bleibt erhalten und erreicht alle, einmal und in derselben Reihenfolge.
close = Schließen
back = Zurück

welcome-server = Welcher Server?
welcome-name = Willkommen
welcome-token = Willkommen
name = Ihr Name
name-hint = Andere sehen ihn neben Ihren Nachrichten. Dieser Server verlangt kein Passwort.
token = Token
token-hint = Dieser Server verlangt ein Token. Fügen Sie das ein, das Sie erhalten haben.
token-show = Token anzeigen
token-hide = Token verbergen
server = Server
server-hint = Seine Adresse, etwa chat.example.org
continue = Weiter
busy = Einen Augenblick …
opening = Wird geöffnet …
unreachable-title = Der Server antwortet nicht
unreachable-text = { $server } ist im Augenblick nicht zu erreichen.
try-again = Noch einmal versuchen

problem-not-an-address = Das ist nicht die Adresse eines Servers.
problem-no-answer = Unter dieser Adresse antwortet niemand.
problem-not-a-name = Ein Name hat 1 bis 128 Bytes, etwas, das man sieht, und keine Steuerzeichen.
problem-not-a-token = Das ist kein Token eines Restante-Servers.
problem-expired = Dieses Token ist abgelaufen.
problem-not-accepted = Der Server nimmt dieses Token nicht an.

rooms = Räume
rooms-empty = Sie sind noch in keinem Raum. Das Plus oben führt in einen.
unread = { $count } ungelesen
you = Sie
draft = Entwurf
waiting = Wartet
join-title = Raum betreten
join-text = Räume stehen allen offen, die sie lesen dürfen. Ein neuer beginnt mit seiner ersten Nachricht.
room = Raum
room-hint = Kleinbuchstaben, Ziffern, Punkte, Binde- und Unterstriche; am Anfang ein Buchstabe oder eine Ziffer
room-problem = So kann kein Raum heißen: Kleinbuchstaben a bis z, Ziffern, Punkte, Binde- und Unterstriche, höchstens 64, am Anfang ein Buchstabe oder eine Ziffer.
join = Betreten
directory = Räume dieses Servers
directory-none = Kein anderer Raum heißt so. Sie können ihn beginnen.
directory-empty = Es gibt noch keine anderen Räume. Sie können einen beginnen.
directory-failed = Die Räume dieses Servers lassen sich gerade nicht auflisten.
directory-loading = Räume werden gesucht …

pick = Wählen Sie einen Raum
pick-text = Hier erscheint, was darin geschrieben wird.
not-joined = Sie sind nicht in diesem Raum
not-joined-text = Betreten Sie { $room }, um mitzulesen.
join-this = { $room } betreten
leave = Raum verlassen
leave-text = { $room } verschwindet aus Ihrer Liste. Was darin geschrieben wurde, bleibt, und Sie können zurückkommen.
cancel = Abbrechen

message = Nachricht
send = Senden
remaining = { $count ->
    [one] Noch 1 Byte
   *[other] Noch { $count } Bytes
}
too-long = { $count ->
    [one] Die Nachricht ist 1 Byte zu lang. Kürzen Sie sie, oder senden Sie sie in Teilen.
   *[other] Die Nachricht ist { $count } Bytes zu lang. Kürzen Sie sie, oder senden Sie sie in Teilen.
}
read-only = Sie dürfen hier lesen, aber nicht schreiben.
not-sent = Die Nachricht wurde nicht angenommen: { $reason }
not-kept = Die Nachricht wird gesendet, aber dieses Gerät kann sie bis dahin nicht aufbewahren: { $reason }

link-connecting = Verbindung wird hergestellt …
link-live = Verbunden
link-offline = Offline
link-unreachable = Keine Verbindung zum Server
link-refused = Das Token gilt nicht mehr
link-closed = Getrennt
link-waiting = { $link }, { $count ->
    [one] 1 Nachricht wartet
   *[other] { $count } Nachrichten warten
}
link-unkept = { $link } (dieses Gerät bewahrt nichts auf)
try-now = Jetzt versuchen
new-token = Neues Token eingeben

settings = Einstellungen
signed-in = Angemeldet als
language = Sprache
language-device = Wie das Gerät
scheme = Darstellung
scheme-system = Wie das Gerät
scheme-light = Hell
scheme-dark = Dunkel
about = Über
about-text = Restante behält, was es angenommen hat: eine Reihenfolge je Raum, einmal, für alle.
sign-out = Abmelden
sign-out-hint = Entfernt alles von diesem Gerät, was für diesen Namen aufbewahrt wird.
sign-out-waiting = { $count ->
    [one] 1 Nachricht ist noch nicht gesendet. Sie ginge verloren.
   *[other] { $count } Nachrichten sind noch nicht gesendet. Sie gingen verloren.
}
sign-out-anyway = Abmelden und verlieren
`;
