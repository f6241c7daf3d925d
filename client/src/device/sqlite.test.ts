import initSqlJs, { type Database as SQL } from "sql.js";

import { openSQLite, type Database } from "./sqlite";
import { deviceSuite, message, outgoing } from "./suite";

/** SQLite behind the methods that the app uses of expo-sqlite. */
function asExpo(sql: SQL): Database {
  return {
    async execAsync(source) {
      sql.exec(source);
    },
    async runAsync(source, params) {
      sql.run(source, params);
    },
    async getAllAsync<Row>(source: string, params: (string | number)[]) {
      const statement = sql.prepare(source, params);
      const rows: Row[] = [];
      while (statement.step()) rows.push(statement.getAsObject() as Row);
      statement.free();
      return rows;
    },
    async withTransactionAsync(task) {
      sql.run("BEGIN");
      try {
        await task();
        sql.run("COMMIT");
      } catch (error) {
        sql.run("ROLLBACK");
        throw error;
      }
    },
    async closeAsync() {},
  };
}

let SQLite: Awaited<ReturnType<typeof initSqlJs>>;
beforeAll(async () => {
  SQLite = await initSqlJs();
});

deviceSuite("A Device on SQLite", () => {
  let sql = new SQLite.Database();
  return () =>
    openSQLite(asExpo(sql), async () => {
      sql = new SQLite.Database();
    });
});

describe("A database on a phone", () => {
  const drop = () => Promise.resolve();

  test("stores all or nothing", async () => {
    const good = asExpo(new SQLite.Database());
    const full = {
      ...good,
      runAsync: (source: string, params: (string | number)[]) =>
        source.includes("DELETE") ? Promise.reject(new Error("full")) : good.runAsync(source, params),
    };
    const device = await openSQLite(full, drop);
    await device.put(outgoing("lobby-1"));
    await expect(device.keep("lobby", [message(1)], [])).rejects.toThrow("full");
    await expect(device.keep("lobby", [message(2), { ...message(3), seq: NaN }], [])).rejects.toThrow("NOT NULL");
    expect(await device.history("lobby", 10)).toEqual([]);
    expect(await device.outbox()).toEqual([outgoing("lobby-1")]);
  });

  test("uses the same number of statements for any number of messages", async () => {
    const good = asExpo(new SQLite.Database());
    const runAsync = jest.fn(good.runAsync);
    const device = await openSQLite({ ...good, runAsync }, drop);
    await device.keep(
      "lobby",
      Array.from({ length: 500 }, (_, i) => message(i + 1)),
      [],
    );
    expect(runAsync).toHaveBeenCalledTimes(2);
  });

  test("runs no call inside the transaction of another", async () => {
    const good = asExpo(new SQLite.Database());
    const steps: string[] = [];
    const noted: Database = {
      ...good,
      withTransactionAsync: (task) => good.withTransactionAsync(task).finally(() => steps.push("end")),
      runAsync: async (source, params) => {
        steps.push(source.split(" ", 1)[0] ?? "");
        await new Promise(setImmediate);
        return good.runAsync(source, params);
      },
    };
    const device = await openSQLite(noted, drop);
    await Promise.all([
      device.keep("lobby", [message(1)], []),
      device.set("draft:lobby", undefined),
      device.put(outgoing("a")),
    ]);
    expect(steps).toEqual(["INSERT", "DELETE", "end", "DELETE", "INSERT"]);
  });

  test("is closed after all earlier calls, and then dropped", async () => {
    const steps: string[] = [];
    const good = asExpo(new SQLite.Database());
    const closeAsync = async () => void steps.push("closed");
    const device = await openSQLite({ ...good, closeAsync }, async () => void steps.push("dropped"));
    const kept = device.put(outgoing("a")).then(() => steps.push("kept"));
    await Promise.all([kept, device.erase()]);
    expect(steps).toEqual(["kept", "closed", "dropped"]);
  });

  test("works after an error", async () => {
    const good = asExpo(new SQLite.Database());
    const runAsync = jest.fn(good.runAsync).mockRejectedValueOnce(new Error("busy"));
    const device = await openSQLite({ ...good, runAsync }, drop);
    await expect(device.put(outgoing("a"))).rejects.toThrow("busy");
    await device.put(outgoing("b"));
    expect(await device.outbox()).toEqual([outgoing("b")]);
  });

  test("may be closed twice", async () => {
    const unhandled = jest.fn();
    process.on("unhandledRejection", unhandled);
    const closeAsync = jest.fn().mockRejectedValue(new Error("it is closed"));
    const device = await openSQLite({ ...asExpo(new SQLite.Database()), closeAsync }, drop);
    device.close();
    device.close();
    await device.get("rooms");
    await new Promise(setImmediate);
    process.off("unhandledRejection", unhandled);
    expect([closeAsync.mock.calls.length, unhandled.mock.calls.length]).toEqual([2, 0]);
  });
});
