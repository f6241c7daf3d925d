import { FakeServer, tokenOf } from "./fakes";
import type { Subject } from "./fakes.bench";
import { contract } from "./fakes.contract";

/** A fake server with the settings of the contract. */
function subject(): Subject {
  const server = new FakeServer();
  const tokens = new Set<string>();
  server.tokens = tokens;
  server.anyID = false;
  server.epoch = "a1b2";
  server.mostJoined = 3;
  return {
    fetch: (path, init) => server.fetch(`http://s${path}`, init),
    dial: (client, token, received) => server.dial({ client, token: () => token, received, reset: () => {} }),
    token: async (claims) => {
      const token = tokenOf({ ...claims, exp: Date.now() / 1000 + 3600 });
      tokens.add(token);
      return token;
    },
  };
}

describe("the fake server keeps the contract of the real one", () => {
  test.each(Object.entries(contract))("%s", (_, keeps) => keeps(subject()), 30_000);
});
