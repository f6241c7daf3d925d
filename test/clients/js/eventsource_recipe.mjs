/**
 * Follows a room with any class that has the interface of EventSource. address() returns a new URL of /rooms/ROOM/events, with
 * access_token if the server needs one; seen is the number of the last message, show(message) the application's.
 */
export function follow(EventSource, address, seen, show) {
  let source, last; // the id of the last event
  const open = () => {
    const url = address();
    if (last) url.searchParams.set("lastEventId", last);
    else url.searchParams.set("after", seen);
    const mine = source = new EventSource(url.href);
    source.addEventListener("message", (event) => { last = event.lastEventId; show(JSON.parse(event.data)); });
    source.addEventListener("reset", (event) => { last = event.lastEventId; }); // what you have after its data.after is gone
    source.addEventListener("error", (error) => setTimeout(() => {
      if (source !== mine || (mine.readyState !== 2 && !error.status)) return; // it comes back by itself, with the last id
      mine.close(); // it has given up, because of an answer such as 503
      open();
    }, 2000));
  };
  open();
  return () => { source?.close(); source = null; }; // ends it
}
