import { Cell } from "../../core/cell";
import type { Message } from "../../core/message";
import { announce } from "./announce";

const said = (seq: number, client_id = "bob"): Message => ({ id: `${seq}`, room: "lobby", seq, client_id, msg: "", sent_at: "", stored_at: "" });

describe("announcements", () => {
  let timeline: Cell<{ messages: readonly Message[] }>;
  let told: number[][];
  let off: () => void;
  const come = (...more: Message[]) => timeline.update(({ messages }) => ({ messages: [...messages, ...more] }));

  beforeEach(() => {
    jest.useFakeTimers();
    timeline = new Cell<{ messages: readonly Message[] }>({ messages: [said(1)] });
    told = [];
    off = announce(timeline, "ann", (fresh) => told.push(fresh.map((m) => m.seq)));
  });
  afterEach(() => {
    off();
    jest.useRealTimers();
  });

  test("start with new messages", () => {
    jest.advanceTimersByTime(5_000);
    expect(told).toEqual([]);
    come(said(2));
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual([[2]]);
  });

  test("come at most once a second, with any number of messages", () => {
    for (let i = 0; i < 100; i++) {
      come(said(2 + i));
      jest.advanceTimersByTime(50);
    }
    jest.advanceTimersByTime(1_000);
    expect(told.length).toBe(5);
    expect(told.flat()).toEqual(Array.from({ length: 100 }, (_, i) => 2 + i));
  });

  test("leave out own messages, and older ones", () => {
    come(said(2, "ann"));
    timeline.update(({ messages }) => ({ messages: [said(0), ...messages] }));
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual([]);
    come(said(3));
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual([[3]]);
  });

  test("continue after the log was replaced", () => {
    come(said(2), said(3));
    jest.advanceTimersByTime(1_000);
    timeline.set({ messages: [] });
    timeline.set({ messages: [said(1), said(2)] });
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual([[2, 3], [1, 2]]);
  });

  test("end", () => {
    come(said(2));
    off();
    come(said(3));
    jest.advanceTimersByTime(5_000);
    expect(told).toEqual([]);
  });
});
