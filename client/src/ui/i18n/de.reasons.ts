/** The texts for the reasons that the server or the app gives for what was not done, in the syntax of Fluent. */
export const de = `
reason-invalid = So nimmt der Server das nicht an. Er sagt: { $text }
reason-invalid-msg = Der Text ist leer, zu lang oder enthält Zeichen, die der Server nicht annimmt. Ändere ihn und sende ihn noch einmal.
reason-invalid-name = Dieser Server nimmt deinen Namen nicht an. Melde dich ab und mit einem anderen wieder an.
reason-invalid-room = So kann kein Raum heißen.
reason-misunderstood = Der Server versteht die App nicht. Lade die App neu, damit beide dieselbe Version haben.
reason-too-large = Das ist mehr, als der Server auf einmal annimmt. Sende es in Teilen.
reason-unauthenticated = Der Server nimmt dein Token nicht mehr an. Gib ein neues ein.
reason-forbidden = Das darfst du hier nicht. Frag die Leute, die den Server betreiben.
reason-conflict = Der Server hat an dieser Stelle einen anderen Text von dir. Kopiere den Text und sende ihn als neue Nachricht.
reason-timeout = Dafür ist die Verbindung zu langsam. Versuch es noch einmal, wenn sie besser ist.
reason-rate-limited = Der Server nimmt nur eine bestimmte Menge auf einmal an. Warte einen Moment.
reason-too-many = Du hast zu viele Räume oder Fenster gleichzeitig offen. Verlasse einen Raum, oder schließe andere Fenster.
reason-unavailable = Der Server kann das gerade nicht. Warte einen Moment.
reason-internal = Der Server hat einen Fehler gemacht. Wenn das so bleibt, sag es den Leuten, die ihn betreiben.
reason-unreachable = Der Server antwortet nicht. Prüfe deine Verbindung.
reason-unreadable = Die Antwort des Servers ist nicht lesbar. Vielleicht hat sie unterwegs etwas verändert.
reason-unknown = Der Server hat das abgelehnt. Er sagt: { $text }
`;
