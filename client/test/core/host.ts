// What a scenario of this folder has from the Go test that runs it (test/app): a server, a way to it that may be disturbed,
// and tasks that only the test can do, such as to kill the server.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { isRecord } from "../../src/core/message";

interface Given {
  /** The server's address. */
  readonly server: string;
  /** The address by which the apps reach it; all that disturbs them happens there. */
  readonly proxy: string;
  /** All that is left to chance follows from it. */
  readonly seed: number;
}

function given(): Given {
  const config: unknown = JSON.parse(process.argv[2] ?? "");
  assert(isRecord(config));
  const { server, way: proxy, seed } = config;
  assert(typeof server === "string" && typeof proxy === "string" && typeof seed === "number");
  return { server, proxy, seed };
}

export const { server, proxy, seed } = given();

const answers: ((line: string) => void)[] = [];
const input = createInterface({ input: process.stdin });
input.on("line", (line) => answers.shift()?.(line));

/** Prints a line into the test's log. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Has the test do a task, and resolves with its answer. */
export function ask(task: string, arg = ""): Promise<string> {
  return new Promise((resolve) => {
    answers.push(resolve);
    say(`> ${task} ${arg}`);
  });
}

/** Runs a scenario to its end, and the process with it, whatever is still under way. */
export function run(scenario: () => Promise<void>): void {
  // Node's fetch never settles when one of the first connections of a process is reset; so this is not one of them.
  fetch(`${server}/livez`).then(scenario).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
}

/** Waits until something holds; within a time that is far above what it needs. */
export async function until(what: string | (() => string), holds: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const end = Date.now() + limit;
  while (!(await holds())) {
    assert(Date.now() < end, `waited in vain until ${typeof what === "string" ? what : what()}`);
    await sleep(20);
  }
}

/** So many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}
