const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Follows a room from a cursor, { after, epoch }, for as long as the program runs. show(message) is the application's. */
export function follow(builder, room, cursor, show) {
  const hub = builder.build();
  hub.on("ReceiveMessage", (m) => { cursor = { ...cursor, after: m.seq }; show(m); });
  hub.on("Reset", ({ after, epoch }) => { cursor = { after, epoch }; }); // what you have after that number is gone
  const join = async () => {
    const asked = cursor;
    const { epoch, reset } = await hub.invoke("JoinRoom", room, asked);
    cursor = { after: reset && cursor === asked ? reset.after : cursor.after, epoch };
  };
  const joinOrStop = () => join().catch(() => hub.stop());
  const begin = () => hub.start().then(joinOrStop, () => pause(1000).then(begin));
  hub.onreconnected?.(joinOrStop); // 1.x has no automatic reconnection: it comes to onclose
  hub.onclose(() => pause(1000).then(begin));
  begin();
  return hub;
}

/** Resolves when the text is stored. It is stored once, however often it is sent, because the id stays the same. */
export async function send(hub, room, text, id = crypto.randomUUID()) {
  for (;;) {
    try {
      return await hub.invoke("SendMessage", room, text, id);
    } catch (error) {
      if (/HubException: (invalid|forbidden)/.test(error.message)) throw error;
      await pause(1000);
    }
  }
}
