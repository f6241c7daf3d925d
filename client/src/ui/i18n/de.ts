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
name = Dein Name
name-hint = Andere sehen ihn neben deinen Nachrichten. Auf diesem Server gibt es keine Passwörter.
token = Token
token-hint = Dieser Server verlangt ein Token. Füge hier das Token ein, das du bekommen hast.
token-show = Token anzeigen
token-hide = Token verbergen
server = Server
server-hint = Seine Adresse, etwa chat.example.org
continue = Weiter
busy = Einen Moment …
opening = Wird geöffnet …
unreachable-title = Der Server antwortet nicht
unreachable-text = { $server } ist gerade nicht zu erreichen.
try-again = Noch einmal versuchen

problem-not-an-address = Das ist nicht die Adresse eines Servers.
problem-no-answer = Unter dieser Adresse antwortet niemand.
problem-not-a-name = So kann niemand heißen: 1 bis 128 Bytes, mindestens ein sichtbares Zeichen und keine Steuerzeichen.
problem-not-a-token = Das ist kein Token eines Restante-Servers.
problem-expired = Dieses Token ist abgelaufen.
problem-not-accepted = Der Server nimmt dieses Token nicht an.

rooms = Räume
unread = { $count } ungelesen
you = Du
draft = Entwurf
waiting = Wartet

cancel = Abbrechen

message = Nachricht
send = Senden
remaining = { $count ->
    [one] Noch 1 Byte
   *[other] Noch { $count } Bytes
}
too-long = { $count ->
    [one] Die Nachricht ist 1 Byte zu lang. Kürze sie, oder sende sie in Teilen.
   *[other] Die Nachricht ist { $count } Bytes zu lang. Kürze sie, oder sende sie in Teilen.
}
read-only = Du darfst hier lesen, aber nicht schreiben.
not-sent = Die Nachricht wurde nicht angenommen: { $reason }
not-kept = Die Nachricht wird gesendet, aber dieses Gerät kann sie nicht speichern. Lass die App offen, bis sie gesendet ist.

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
link-unkept = { $link } (dieses Gerät speichert nichts)
try-now = Jetzt versuchen
new-token = Neues Token eingeben

settings = Einstellungen
language = Sprache
language-device = Wie das Gerät
scheme = Darstellung
scheme-system = Wie das Gerät
scheme-light = Hell
scheme-dark = Dunkel
about = Über
about-text = Restante bewahrt auf, was es angenommen hat: für alle, genau einmal und in jedem Raum in einer Reihenfolge.
sign-out = Abmelden
sign-out-hint = Löscht alles, was auf diesem Gerät gespeichert ist, von allen, die hier angemeldet waren.
sign-out-waiting = { $count ->
    [one] 1 Nachricht ist noch nicht gesendet und ginge verloren.
   *[other] { $count } Nachrichten sind noch nicht gesendet und gingen verloren.
}
sign-out-anyway = Trotzdem abmelden
`;
