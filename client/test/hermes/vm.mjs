// Runs a scenario of the app's core on a Hermes VM. The VM can only compute and print, so this process is its machine: it has
// the clock, the network and the line to the Go test (test/app). The VM reads lines of JavaScript from its standard input, as
// somebody types them, and prints its requests.
import babel from "@babel/core";
import { createRegExpFeaturePlugin } from "@babel/helper-create-regexp-features-plugin";
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const { server, way, vm: program } = JSON.parse(process.argv[2] ?? "{}");
/** Marks a request in what the VM prints, because its prompts have no line of their own. */
const mark = "\u0001";

/** Hermes 0.12 cannot parse \p{…}, which the Hermes of phones can. */
const plugins = [
  () => createRegExpFeaturePlugin({ name: "unicode-property", feature: "unicodePropertyEscape", options: {} }),
];

/** Bundles the scenario with the app's core, and transforms it as Expo does for Hermes. */
async function bundle() {
  const entry = fileURLToPath(new URL("scenario.ts", import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2022",
    charset: "utf8",
    write: false,
    logLevel: "error",
    external: ["ws", "eventsource", "node-fetch", "tough-cookie", "fetch-cookie", "abort-controller/polyfill"],
  });
  const result = await babel.transformAsync(outputFiles[0].text, {
    babelrc: false,
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    configFile: false,
    compact: true,
    // The profile hermes-v0 is the one for Hermes before its version 1.
    presets: [["babel-preset-expo", { unstable_transformProfile: "hermes-v0", enableBabelRuntime: false }]],
    plugins,
    sourceType: "script",
    filename: entry.replace(/\.ts$/, ".js"),
    caller: { name: "metro", bundler: "metro", engine: "hermes", platform: "android", isDev: false },
  });
  return result.code;
}

const timers = new Map();
const sockets = new Map();
const answers = [];

const requests = {
  timer({ id, milliseconds }) {
    const fire = () => timers.delete(id) && tell({ is: "timer", id });
    timers.set(id, setTimeout(fire, milliseconds));
  },
  cancel({ id }) {
    clearTimeout(timers.get(id));
    timers.delete(id);
  },
  async fetch({ id, url, init }) {
    try {
      const response = await fetch(url, init);
      const headers = Object.fromEntries(response.headers);
      tell({ is: "answer", id, status: response.status, headers, text: await response.text() });
    } catch (error) {
      tell({ is: "no answer", id, text: String(error) });
    }
  },
  open({ id, url, protocols }) {
    const socket = new WebSocket(url, protocols);
    sockets.set(id, socket);
    socket.on("open", () => tell({ is: "open", id }));
    socket.on("message", (data) => tell({ is: "message", id, data: data.toString() }));
    socket.on("error", (error) => tell({ is: "error", id, text: String(error) }));
    socket.on("close", (code) => sockets.delete(id) && tell({ is: "close", id, code }));
  },
  send({ id, data }) {
    const socket = sockets.get(id);
    if (socket?.readyState === WebSocket.OPEN) socket.send(data);
  },
  close({ id }) {
    sockets.get(id)?.close();
  },
  say({ line }) {
    process.stdout.write(`${line}\n`);
  },
  ask({ id, task, arg }) {
    answers.push((line) => tell({ is: "done", id, line }));
    process.stdout.write(`> ${task} ${arg}\n`);
  },
  async fill({ id, room, count }) {
    for (let n = 0; n < count; n += 16) {
      await Promise.all(Array.from({ length: Math.min(16, count - n) }, (_, i) => post(room, `number ${n + i}`)));
    }
    tell({ is: "done", id, line: "" });
  },
  end({ error }) {
    if (error !== null) process.stderr.write(`${error}\n`);
    process.exit(error === null ? 0 : 1);
  },
};

/** Posts a message of somebody else, not through the proxy. */
async function post(room, msg) {
  const body = JSON.stringify({ msg, client_id: "filler" });
  const headers = { "Content-Type": "application/json" };
  const { status } = await fetch(`${server}/rooms/${room}/messages`, { method: "POST", headers, body });
  if (status !== 202) throw new Error(`the server answered ${status}`);
}

/** Lets the VM evaluate a script. The VM reads line by line, and a string in JSON has no line breaks. */
function evaluate(script) {
  vm.stdin.write(`void (0,eval)(${JSON.stringify(script)})\n`);
}

function tell(event) {
  evaluate(`host.receive(${JSON.stringify(event)})`);
}

createInterface({ input: process.stdin }).on("line", (line) => answers.shift()?.(line));
const script = await bundle();
const vm = spawn(program, [], { stdio: ["pipe", "pipe", "inherit"] });
vm.on("close", (code) => {
  process.stderr.write(`the VM has ended: ${code}\n`);
  process.exit(1);
});
let failed = false;
createInterface({ input: vm.stdout }).on("line", (line) => {
  const at = line.indexOf(mark);
  if (at >= 0) {
    const request = JSON.parse(line.slice(at + 1));
    void requests[request.is](request);
  } else if (failed || line.includes("Uncaught")) {
    failed = true; // the next lines are the stack, then the VM ends
    process.stderr.write(`${line}\n`);
    vm.stdin.end();
  }
});
evaluate(`var given = ${JSON.stringify({ server, way })};`);
evaluate(script);
