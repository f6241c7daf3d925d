import { createEventSource } from "eventsource-client";

/** Follows a room. url is that of /rooms/ROOM/events?after=SEQ, headers() may return Authorization. */
export function follow(url, headers, show) {
  return createEventSource({
    url,
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers() } }), // a newer token each time
    onMessage({ event, data }) {
      if (event === "message") show(JSON.parse(data));
      // after a "reset", what you have after its data.after is gone
    },
  });
}
