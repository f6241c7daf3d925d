import sse from "react-native-sse";
const EventSource = sse.default ?? sse; // Node has it as a CommonJS module

/** Follows a room. url is that of /rooms/ROOM/events?after=SEQ, headers may have Authorization. */
export function follow(url, headers, show) {
  const source = new EventSource(url, { headers, pollingInterval: 2000 }); // after so many milliseconds it comes back
  source.addEventListener("message", (event) => show(JSON.parse(event.data)));
  source.addEventListener("reset", () => {}); // what you have after its data.after is gone
  source.addEventListener("error", (error) => {
    if (error.xhrStatus === 0) setTimeout(() => source.open(), 2000); // the network: it does not come back by itself
  });
  return source;
}
