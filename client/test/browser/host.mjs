// The connection of a script to the Go test that runs it (test/app). The test provides a server, directories for files, and
// tasks that only the test can do, such as killing the server.
import { createInterface } from "node:readline";

/** The server's URL, the path of Chromium, the directory for profiles, and the directory for pictures. */
export const { url, chromium, directory, pictures } = JSON.parse(process.argv[2]);

const waiting = [];
const input = createInterface({ input: process.stdin });
input.on("line", (line) => waiting.shift()?.(line));

/** Lets the test do a task, and resolves with its answer. */
export function ask(task, arg = "") {
  return new Promise((resolve) => {
    waiting.push(resolve);
    console.log(`> ${task} ${arg}`);
  });
}

/** Closes the input, so that the script can end. */
export function closeInput() {
  input.close();
  process.stdin.destroy();
}
