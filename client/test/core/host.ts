// The connection of a scenario to the Go test that runs it (test/app). The test provides a server, a proxy in front of it that
// can disturb the network, and tasks that only the test can do, such as killing the server.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

import { isRecord } from "../../src/core/message";

interface Given {
  /** The server's address. */
  readonly server: string;
  /** The address of the proxy through which the apps reach the server. All network faults happen in the proxy. */
  readonly proxy: string;
  /** The seed of all random choices. */
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

/** Lets the test do a task, and resolves with its answer. */
export function ask(task: string, arg = ""): Promise<string> {
  return new Promise((resolve) => {
    answers.push(resolve);
    say(`> ${task} ${arg}`);
  });
}

/** Runs a scenario, then ends the process, even if something is still pending. */
export function run(scenario: () => Promise<void>): void {
  // Node's fetch never completes if one of the first connections of a process is reset, so the first one goes to the server directly.
  fetch(`${server}/livez`)
    .then(scenario)
    .then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}\n`);
        process.exit(1);
      },
    );
}

/** Waits until a condition holds. The time limit is far above the expected time. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  limit = 30_000,
): Promise<void> {
  const end = Date.now() + limit;
  while (!(await holds())) {
    assert(Date.now() < end, `timeout while waiting until ${typeof what === "string" ? what : what()}`);
    await sleep(20);
  }
}

/** Waits for a time. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, milliseconds));
}
