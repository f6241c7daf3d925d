const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Follows a room from a cursor, { after, epoch }. show(message) is the application's. Returns the connection, and stop. */
export function follow(builder, room, cursor, show) {
  const hub = builder.build();
  let turn = Promise.resolve(); // messages wait until the answer to JoinRoom is taken
  let gap = false, ended = false;
  const inTurn = (act) => (value) => { turn = turn.then(() => act(value)).catch(() => { hub.stop().catch(() => {}); }); };
  hub.on("ReceiveMessage", inTurn((m) => {
    if (gap || m.seq <= cursor.after) return;
    gap = m.seq > cursor.after + 1;
    if (gap) throw new Error("long polling has lost an answer in a cut: connect again");
    cursor = { ...cursor, after: m.seq };
    show(m);
  }));
  hub.on("Reset", inTurn(({ after, epoch }) => { cursor = { after, epoch }; })); // what you have after that number is gone
  const join = inTurn(async () => {
    gap = false;
    const { epoch, reset } = await hub.invoke("JoinRoom", room, cursor);
    cursor = { after: (reset ?? cursor).after, epoch };
  });
  const begin = () => ended || hub.start().then(join, () => pause(1000).then(begin));
  hub.onreconnected?.(join); // 1.x does not reconnect by itself: it comes to onclose
  hub.onclose(() => pause(1000).then(begin));
  begin();
  return { hub, stop: () => { ended = true; return hub.stop(); } };
}

/** Resolves when the text is stored. It is stored once, however often it is sent, because the id stays the same. */
export async function send(hub, room, text, id = crypto.randomUUID()) {
  for (;;) {
    try {
      return await hub.invoke("SendMessage", room, text, id);
    } catch (error) {
      if (/HubException: (invalid|forbidden|conflict)/.test(error.message)) throw error;
      await pause(1000);
    }
  }
}
