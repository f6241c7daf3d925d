/** The texts of the list of rooms, the search, the settings and the notifications, in the syntax of Fluent. */
export const de = `
rooms-empty = Du bist noch in keinem Raum.
mentions = { $count ->
    [one] einmal erwähnt
   *[other] { $count }-mal erwähnt
}
row-muted = ohne Mitteilungen
row-seldom = wird jede halbe Minute nachgesehen
discover = Mehr Räume auf diesem Server
find = Raum finden
find-or-create = Raum finden oder anlegen
find-name = Raum
find-placeholder = Der Anfang des Namens
find-nearest = { $room } verwenden
find-group-joined = Deine Räume
find-group-found = Auf diesem Server
find-group-new = Mit diesem Namen
find-joined = Du bist dabei
find-open = Öffnen
find-join = Betreten
find-create = Diesen Raum anlegen
find-unknown = Gibt es ihn nicht, entsteht er mit der ersten Nachricht
find-messages = { $count ->
    [one] 1 Nachricht
   *[other] { $count } Nachrichten
}
find-looking = Der Server wird durchsucht …
find-unreachable = Der Server ist nicht zu erreichen. Hier stehen nur deine eigenen Räume.
find-failed = Der Server lässt sich gerade nicht durchsuchen. Hier stehen nur deine eigenen Räume.
find-more = Es gibt mehr Räume, als hier Platz haben: Tippe den Anfang des Namens.
find-more-begin = Mehr Räume fangen so an: Tippe weiter.
find-none = Kein anderer Raum fängt so an.
find-none-yet = Es gibt noch keine anderen Räume. Tippe einen Namen, um einen anzulegen.
name-begins = Ein Name fängt mit einem Kleinbuchstaben oder einer Ziffer an.
name-blank = Ein Name hat keine Leerzeichen. Nimm stattdessen einen Bindestrich.
name-character = „{ $character }“ geht in einem Namen nicht: nur die Buchstaben a bis z, Ziffern, Punkte, Binde- und Unterstriche.
name-long = { $count ->
    [one] Dieser Name ist um 1 Zeichen zu lang: 64 sind erlaubt.
   *[other] Dieser Name ist um { $count } Zeichen zu lang: 64 sind erlaubt.
}

pick = Willkommen, { $name }
pick-text = Öffne einen Raum, um mitzulesen und zu schreiben.
pick-text-keys = Öffne einen Raum, um mitzulesen und zu schreiben. Mit ? siehst du alle Tastenkürzel.
open-this = { $room } öffnen
not-joined = Du bist nicht in diesem Raum
not-joined-text = Betritt { $room }, um mitzulesen.
not-joined-count = { $count ->
    [one] Betritt { $room }, um die eine Nachricht zu lesen.
   *[other] Betritt { $room }, um die { $count } Nachrichten zu lesen.
}
no-such-room = Den Raum { $room } gibt es noch nicht
no-such-room-text = Du kannst ihn anlegen. Er entsteht mit der ersten Nachricht.
join-this = { $room } betreten
create-this = { $room } anlegen

room-menu = Über diesen Raum
room-new = Noch keine Nachrichten
leave = Raum verlassen
leave-text = { $room } verschwindet aus deiner Liste. Was darin geschrieben wurde, bleibt, und du kannst jederzeit zurückkommen.

looks = Anzeige
density = Abstände
density-comfortable = Bequem
density-compact = Kompakt
version = Der Server hat die Version { $version }.
copy-events-hint = Die letzten Ereignisse der App, ohne Nachrichten, Namen und Tokens.

notifications = Mitteilungen
notifications-show = Mitteilungen anzeigen
notifications-on = An
notifications-off = Aus
notifications-hint = Solange die App in diesem Browser offen ist. Jeder Raum hat seine eigene Einstellung.
notifications-denied = Der Browser erlaubt dieser Seite keine Mitteilungen. In seinen Einstellungen zur Seite lässt sich das ändern.
notifications-none = Dieser Browser zeigt Mitteilungen nur auf Seiten mit https.
notifications-offer = { $name } hat geschrieben, während du weg warst. Soll beim nächsten Mal eine Mitteilung kommen?
notifications-accept = Mitteilungen anzeigen
notifications-later = Nicht jetzt
notify-title = { $name } in { $room }
level = Mitteilen
level-all = Alle Nachrichten
level-mentions = Nur Erwähnungen
level-nothing = Nichts

not-loaded = Dieser Teil fehlt noch
not-loaded-text = Ein Teil der App ließ sich nicht laden. Versuche es noch einmal, wenn der Server zu erreichen ist. Nach einem Update des Servers lade die Seite neu.

shortcuts = Tastenkürzel
shortcut-find = Zu einem Raum springen
shortcut-step = Voriger oder nächster Raum
shortcut-step-unread = Voriger oder nächster ungelesener Raum
shortcut-newest = Offenes schließen oder zur neuesten Nachricht
shortcut-send = Nachricht senden
shortcut-line = Neue Zeile
shortcut-help = Diese Liste
`;
