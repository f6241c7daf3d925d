// The real server keeps the contract to which the fake server of the app's tests is held.
import { EventRing } from "../../src/core/events";
import type { Subject } from "../../src/core/fakes.bench";
import { contract } from "../../src/core/fakes.contract";
import { dial, freeSlot } from "../../src/core/hub";
import { ask, run, say, server } from "./host";

const subject: Subject = {
  fetch: (path, init) => fetch(server + path, init),
  token: (claims) => ask("token", JSON.stringify({ seconds: 3600, ...claims })),
  dial: (client, token, received) =>
    dial(
      {
        server,
        client,
        token: () => token,
        negotiates: true,
        received,
        reset: () => {},
        slot: freeSlot,
        events: new EventRing(),
      },
      new AbortController().signal,
    ),
};

run(async () => {
  const faults: unknown[] = [];
  for (const [name, keeps] of Object.entries(contract)) {
    try {
      await keeps(subject);
    } catch (error) {
      say(`broken: ${name}`);
      faults.push(error);
    }
  }
  if (faults.length > 0) throw new AggregateError(faults, faults.map(String).join("\n"));
  say(`${Object.keys(contract).length} promises kept`);
});
