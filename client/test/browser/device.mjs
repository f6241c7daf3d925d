// The browser's database hangs, fails or is full. The app opens and sends all the same, and says what it cannot keep.
import { enter, open, run, until } from "./app.mjs";
import { url } from "./host.mjs";
import { history, post } from "./server.mjs";

/** Runs in a page before the app. `deviceOfTest.fault` decides what its database does from then on. */
function faulty(fault) {
  const state = { fault, hang };
  globalThis.deviceOfTest = state;
  const refuse = (name) => {
    throw new DOMException("the test lets it fail", name);
  };
  const { open } = IDBFactory.prototype;
  IDBFactory.prototype.open = function (...args) {
    if (state.fault === "fails at once") refuse("UnknownError");
    const request = open.apply(this, args);
    if (state.fault === "hangs at once") request.addEventListener = () => undefined;
    return request;
  };
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (...args) {
    if (state.fault === "fails") refuse("UnknownError");
    return transaction.apply(this, args);
  };
  for (const method of ["put", "add"]) {
    const real = IDBObjectStore.prototype[method];
    IDBObjectStore.prototype[method] = function (...args) {
      if (state.fault === "is full") refuse("QuotaExceededError");
      return real.apply(this, args);
    };
  }

  /** Holds a transaction on everything, behind which all others wait, until the fault ends. */
  async function hang() {
    const [{ name }] = (await indexedDB.databases()).filter((db) => db.name.startsWith("restante"));
    const db = await new Promise((resolve) => {
      const request = open.call(indexedDB, name);
      request.onsuccess = () => resolve(request.result);
    });
    const stores = [...db.objectStoreNames];
    const store = transaction.call(db, stores, "readwrite").objectStore(stores[0]);
    await new Promise((resolve) => {
      const goOn = () => {
        resolve();
        if (state.fault === "hangs") store.count().onsuccess = goOn;
        else db.close();
      };
      store.count().onsuccess = goOn;
    });
  }
}

const fault = (app, fault) =>
  app.page.evaluate(async (fault) => {
    globalThis.deviceOfTest.fault = fault;
    if (fault === "hangs") await globalThis.deviceOfTest.hang();
  }, fault);

async function openFaulty(fault, name) {
  const app = await open({ at: null });
  await app.context.addInitScript(faulty, fault);
  await app.page.goto(url);
  await app.signIn(name);
  return app;
}

const texts = async () => (await history("lobby")).map((m) => m.msg);
const arrives = (text) => until(`${text} is on the server`, async () => (await texts()).includes(text), 40);

await run(async () => {
  const bob = await enter("Bob");
  await post("lobby", "hello", "Bob");

  for (const broken of ["hangs at once", "fails at once"]) {
    const ann = await openFaulty(broken, "Ann");
    await ann.linked(/^Connected.*\(this device saves nothing\)/);
    await ann.show("lobby");
    await ann.sees(1);
    await ann.type(`the database ${broken}`);
    await arrives(`the database ${broken}`);
    await ann.context.close();
  }

  for (const broken of ["hangs", "fails", "is full"]) {
    const ann = await openFaulty(null, `Ann ${broken}`);
    await ann.linked(/^Connected/);
    await ann.show("lobby");
    await ann.sees(1);
    await fault(ann, broken);
    await ann.type(`then it ${broken}`);
    await arrives(`then it ${broken}`);
    await until(
      "its author sees it",
      async () => (await ann.messages()).some((m) => m.text === `then it ${broken}`),
      40,
    );
    await bob.type(`I see that it ${broken}`);
    await until("others' messages arrive", async () =>
      (await ann.messages()).some((m) => m.text === `I see that it ${broken}`),
    );

    await fault(ann, null);
    await ann.type("well again");
    await until("it is stored again", async () => (await ann.outgoing()).length === 0, 40);
    await ann.page.reload();
    await until(
      "nothing is lost or twice",
      async () => {
        const shown = (await ann.messages()).map((m) => m.text);
        return JSON.stringify(shown) === JSON.stringify((await texts()).slice(-shown.length)) && shown.length > 2;
      },
      40,
    );
    await ann.context.close();
  }
});
