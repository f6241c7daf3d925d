/** The texts about who one is, and about failures of the app itself, in the syntax of Fluent. */
export const en = `
another-title = Go on as somebody else?
another-text = You are { $now }. This token is for { $client }.
another-unsent-stays = { $count ->
    [one] 1 message of { $now } has not been sent. It stays on this device, and is sent when { $now } is here again.
   *[other] { $count } messages of { $now } have not been sent. They stay on this device, and are sent when { $now } is here again.
}
another-unsent-lost = { $count ->
    [one] 1 message of { $now } has not been sent. It would be lost, because this device keeps nothing.
   *[other] { $count } messages of { $now } have not been sent. They would be lost, because this device keeps nothing.
}
another-accept = Go on as { $client }
another-stay = Stay { $now }
another-still = You are still { $now }.
token-unused = The token was not used
token-unchecked = The token is for { $client }. The server does not answer now. It is asked about the token when it does.
token-kept = You have followed a link for { $client }. The server does not answer now. You are signed in when it does.
token-forget = Forget the link
problem-not-checked = The server does not answer, so the token cannot be checked. Try again later.

broken-message = This message cannot be shown
broken-room = This room cannot be shown
failed-title = The app cannot be shown
failed-text = Something in it has failed. What this device keeps is still there.
open-without = Open without what is kept on this device
open-without-hint = It stays on the device, and is used again at the next start.
copy-events = Copy events

link-elsewhere = Paused, connected in other tabs
use-tab = Use this tab
`;
