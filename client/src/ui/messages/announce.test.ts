import { Store } from "../../core/store";
import type { Message } from "../../core/message";
import { announce } from "./announce";

const said = (seq: number, client_id = "bob"): Message => ({
  kind: "message",
  id: `${seq}`,
  room: "lobby",
  seq,
  client_id,
  msg: "",
  sent_at: "",
  stored_at: "",
});

describe("announcements", () => {
  let timeline: Store<{ messages: readonly Message[] }>;
  let announced: number[][];
  let off: () => void;
  const add = (...more: Message[]) => timeline.update(({ messages }) => ({ messages: [...messages, ...more] }));

  beforeEach(() => {
    jest.useFakeTimers();
    timeline = new Store<{ messages: readonly Message[] }>({ messages: [said(1)] });
    announced = [];
    off = announce(timeline, "ann", (fresh) => announced.push(fresh.map((m) => m.seq)));
  });
  afterEach(() => {
    off();
    jest.useRealTimers();
  });

  test("start with new messages", () => {
    jest.advanceTimersByTime(5_000);
    expect(announced).toEqual([]);
    add(said(2));
    jest.advanceTimersByTime(1_000);
    expect(announced).toEqual([[2]]);
  });

  test("come at most once a second, with any number of messages", () => {
    for (let i = 0; i < 100; i++) {
      add(said(2 + i));
      jest.advanceTimersByTime(50);
    }
    jest.advanceTimersByTime(1_000);
    expect(announced.length).toBe(5);
    expect(announced.flat()).toEqual(Array.from({ length: 100 }, (_, i) => 2 + i));
  });

  test("leave out own messages, and older ones", () => {
    add(said(2, "ann"));
    timeline.update(({ messages }) => ({ messages: [said(0), ...messages] }));
    jest.advanceTimersByTime(1_000);
    expect(announced).toEqual([]);
    add(said(3));
    jest.advanceTimersByTime(1_000);
    expect(announced).toEqual([[3]]);
  });

  test("continue after the log was replaced", () => {
    add(said(2), said(3));
    jest.advanceTimersByTime(1_000);
    timeline.set({ messages: [] });
    timeline.set({ messages: [said(1), said(2)] });
    jest.advanceTimersByTime(1_000);
    expect(announced).toEqual([
      [2, 3],
      [1, 2],
    ]);
  });

  test("end", () => {
    add(said(2));
    off();
    add(said(3));
    jest.advanceTimersByTime(5_000);
    expect(announced).toEqual([]);
  });
});
