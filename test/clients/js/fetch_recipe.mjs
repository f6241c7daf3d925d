import { fetchEventSource } from "@microsoft/fetch-event-source";

/** Follows a room. url is that of /rooms/ROOM/events?after=SEQ, headers() may return Authorization. */
export function follow(url, headers, show) {
  return fetchEventSource(url, {
    headers: headers(),
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers() } }), // a newer token each time
    openWhenHidden: true, // otherwise it ends while the page is hidden, and comes back after
    onmessage({ event, data }) {
      if (event === "message") show(JSON.parse(data));
      // after a "reset", what you have after its data.after is gone
    },
    onclose() { throw new Error("the stream has ended"); }, // otherwise it does not come back
    onerror() { return 2000; }, // after so many milliseconds
  });
}
