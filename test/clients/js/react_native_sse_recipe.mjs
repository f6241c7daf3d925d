import EventSource from "react-native-sse";

/** Follows a room. url is that of /rooms/ROOM/events?after=SEQ, headers may have Authorization. */
export function follow(url, headers, show) {
  const source = new EventSource(url, { headers, pollingInterval: 2000 }); // after so many milliseconds it comes back
  source.addEventListener("message", (event) => show(JSON.parse(event.data)));
  source.addEventListener("reset", () => {}); // what you have after its data.after is gone
  source.addEventListener("error", (error) => {
    if (error.xhrStatus !== 0) return;
    setTimeout(() => { if (source.status !== 2) source.open(); }, 2000); // after a cut it does not come back by itself
  });
  return source;
}
