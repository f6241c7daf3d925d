// What a script of this folder has from the Go test that runs it (test/app): a server, places for files, and tasks that
// only the test can do, such as to kill the server.
import { createInterface } from "node:readline";

/** url of the server, path of chromium, directory for profiles, directory for pictures. */
export const { url, chromium, directory, pictures } = JSON.parse(process.argv[2]);

const waiting = [];
const input = createInterface({ input: process.stdin });
input.on("line", (line) => waiting.shift()?.(line));

/** Has the test do a task, and resolves with its answer. */
export function ask(task, arg = "") {
  return new Promise((resolve) => {
    waiting.push(resolve);
    console.log(`> ${task} ${arg}`);
  });
}

/** Ends the conversation, so that the script can end. */
export function closeInput() {
  input.close();
  process.stdin.destroy();
}
