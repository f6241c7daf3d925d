import { message, messages } from "./fakes";
import { Log } from "./log";
import type { Message } from "./message";

const numbers = (list: readonly Message[]) => list.map((m) => m.seq);
const some = (...seqs: number[]) => seqs.flatMap((n) => messages(n, n));

describe("Log", () => {
  test("appends the next messages, drops repeats, and lets messages after a gap wait", () => {
    const log = new Log();
    expect(numbers(log.reset(some(3, 4)))).toEqual([3, 4]);
    expect(numbers(log.add(some(4, 5, 5, 8)))).toEqual([5]);
    expect(log.gap).toBe(true);
    expect(numbers(log.add(some(7, 6)))).toEqual([6, 7, 8]);
    expect(log.gap).toBe(false);
    expect(numbers(log.messages)).toEqual([3, 4, 5, 6, 7, 8]);
  });

  test("is replaced by a page after a gap, and waiting messages are appended", () => {
    const log = new Log();
    log.add(messages(1, 3));
    log.add(some(9, 11));
    expect(numbers(log.reset(some(7, 8)))).toEqual([7, 8, 9]);
    expect([numbers(log.messages), log.gap]).toEqual([[7, 8, 9], true]);
  });

  test("adds only the new messages of an overlapping page, and nothing of an old one", () => {
    const log = new Log();
    log.add(messages(1, 5));
    expect(numbers(log.reset(messages(4, 7)))).toEqual([6, 7]);
    expect(numbers(log.reset(messages(2, 3)))).toEqual([]);
    expect(numbers(log.reset([]))).toEqual([]);
    expect(numbers(log.messages)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("continues after messages that are no longer kept", () => {
    const log = new Log();
    log.add(messages(1, 3));
    expect(log.reset([], 9)).toEqual([]);
    expect([log.messages, log.first, log.last]).toEqual([[], 0, 9]);
    expect(numbers(log.add(some(10)))).toEqual([10]);
  });

  test("prepends older messages only if they end just before the first", () => {
    const log = new Log();
    log.prepend(messages(1, 2));
    expect(log.messages).toEqual([]);
    log.add(messages(1, 0));
    log.reset(messages(10, 12));
    log.prepend(messages(5, 8));
    expect(log.first).toBe(10);
    log.prepend(messages(7, 10));
    expect(numbers(log.messages)).toEqual([7, 8, 9, 10, 11, 12]);
  });

  test("recognizes a message of another log", () => {
    const log = new Log();
    log.reset(messages(5, 9));
    expect([4, 5, 9, 10].map((seq) => log.contradicts({ ...message(seq), id: "other" }))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(log.contradicts({ ...message(5), client_id: "another" })).toBe(true); // the same id of another client is another message
    expect(messages(1, 12).some((m) => log.contradicts(m))).toBe(false);
  });

  test("drops old messages, or all", () => {
    const log = new Log();
    log.add(messages(1, 9));
    log.trim(20);
    expect(log.first).toBe(1);
    log.trim(2);
    expect([log.first, log.last]).toEqual([8, 9]);
    log.add(some(15));
    log.clear();
    expect([log.messages, log.last, log.gap]).toEqual([[], 0, false]);
    expect(numbers(log.add(messages(1, 2)))).toEqual([1, 2]);
  });

  test("stays correct under random operations", () => {
    for (let seed = 1; seed <= 100; seed++) anyOrder(seed);
  });
});

/** Runs random operations. The log must have no gaps, and must return every new message once, in order. */
function anyOrder(seed: number): void {
  const random = generator(seed);
  const below = (n: number) => Math.floor(random() * n);
  const log = new Log();
  const came = new Set<number>();
  let lastAdded = 0;
  const checkAdded = (added: readonly Message[]) => {
    expect(numbers(added)).toEqual(
      [...new Set(numbers(added))].filter((seq) => seq > lastAdded && came.has(seq)).sort((a, b) => a - b),
    );
    lastAdded = added.at(-1)?.seq ?? lastAdded;
  };
  for (let step = 0; step < 60; step++) {
    const from = 1 + below(80);
    const run = messages(from, from + below(12));
    const before = log.last;
    const what = below(10);
    if (what < 6) {
      run.forEach((m) => came.add(m.seq));
      checkAdded(log.add(run.sort(() => random() - 0.5)));
    } else if (what < 7) {
      run.forEach((m) => came.add(m.seq));
      checkAdded(log.reset(run));
    } else if (what < 9) log.prepend(run);
    else log.trim(1 + below(20));
    const unbroken = log.messages.every((m, i) => m.seq === log.first + i && m.id === `id-${m.seq}`);
    const whole = (log.messages.at(-1)?.seq ?? 0) === log.last && log.last >= before && !came.has(log.last + 1);
    const gap = [...came].some((seq) => seq > log.last);
    expect({ seed, step, unbroken, whole, gap: log.gap }).toEqual({ seed, step, unbroken: true, whole: true, gap });
  }
  expect(lastAdded).toBe(log.last);
}

/** Random numbers by mulberry32, the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
