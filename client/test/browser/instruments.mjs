// Functions that are added to a page before it starts, to measure it from inside.

/** Runs in each page. It must not use anything from outside the function. */
export function instruments() {
  const drawn = () => [...document.querySelectorAll('[data-testid^="message-"]')];
  const seqOf = (row) => Number(row.dataset.testid.slice("message-".length));
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

  /** Returns the element that scrolls the messages of the visible room. */
  const scroller = () => {
    const log = document.querySelector('[data-testid="messages"]');
    const around = [];
    for (let e = log; e !== null; e = e.parentElement) around.push(e);
    return (
      [...log.querySelectorAll("*"), ...around].find(
        (e) =>
          e.tagName !== "TEXTAREA" &&
          /auto|scroll/.test(getComputedStyle(e).overflowY) &&
          e.scrollHeight > e.clientHeight,
      ) ?? log
    );
  };

  /** Records the drawn rows. They must be in order, without gaps, and with the same texts as before. */
  const note = (seen, faults) => {
    let before = 0;
    for (const row of drawn()) {
      const seq = seqOf(row);
      const text = row.querySelector('[data-testid="text"]').textContent;
      if (before > 0 && seq !== before + 1) faults.push(`${seq} is drawn after ${before}`);
      if (seen.has(seq) && seen.get(seq) !== text) faults.push(`${seq} has changed`);
      seen.set(seq, text);
      before = seq;
    }
  };

  /** Returns the scroll position of the log: the distance to its end, and its first visible message. */
  const position = () => {
    const box = scroller();
    const { top } = box.getBoundingClientRect();
    const first = drawn().find((row) => row.getBoundingClientRect().top >= top);
    return {
      below: Math.round(box.scrollHeight - box.scrollTop - box.clientHeight),
      first: first && seqOf(first),
      top: first?.getBoundingClientRect().top,
    };
  };

  /** Scrolls from the current position to the first message, page by page, and returns the messages in order. */
  const walk = async () => {
    const seen = new Map();
    const faults = [];
    const box = scroller();
    for (let moved = performance.now(); performance.now() - moved < 10_000; await frame()) {
      const first = Math.min(...drawn().map(seqOf));
      note(seen, faults);
      if (first === 1) break;
      box.scrollBy({ top: -0.9 * box.clientHeight, behavior: "instant" });
      await frame();
      if (Math.min(...drawn().map(seqOf)) < first) moved = performance.now();
    }
    const messages = [...seen].sort(([a], [b]) => a - b).map(([seq, text]) => ({ seq, text }));
    return { messages, faults: faults.slice(0, 10) };
  };

  globalThis.logOfTest = { position, walk };
}
