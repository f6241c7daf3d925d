// Checks the app: types, style, tests, that dist matches the source, and that the bundles for phones compile. Two checks run
// at a time. The output of a check is printed only if it fails. The last line, `N passed, N failed`, counts every test, and
// each other check as one. With RERUN=1 up to three failing tests of the app are run once more, as test/rerun does with those
// of the server; what then passes is added to the file that RERUN_FLAKY names.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { failures, flaky } from "./rerun.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "restante-check-"));
const bin = (name) => join(root, "node_modules/.bin", name);
const results = join(scratch, "jest.json");

const jest = [bin("jest"), "--maxWorkers", "2", "--json", "--outputFile", results];

const tests = [
  { name: "types", run: [bin("tsc"), "--noEmit"] },
  { name: "format", run: [bin("prettier"), "--check", "--log-level", "warn", "."] },
  { name: "style", run: [bin("eslint"), "--max-warnings", "0", "."] },
  { name: "tests of the app", run: jest, count: countJest, again: rerun },
  {
    name: "tests of the scripts",
    run: [process.execPath, "--test", "--test-reporter", "tap", "scripts/"],
    count: countNode,
  },
];
const builds = [
  { name: "dist", run: [process.execPath, "scripts/build.mjs", "--check"], always: true },
  {
    name: "bundles for phones",
    run: [bin("expo"), "export", "--platform", "android", "--platform", "ios", "--output-dir", join(scratch, "phones")],
  },
];
const env = { ...process.env, CI: "1", EXPO_NO_TELEMETRY: "1", EXPO_OFFLINE: "1", EXPO_NO_DOTENV: "1" };

function countJest() {
  if (!existsSync(results)) return { passed: 0, failed: 1 }; // jest has not written its results
  const { numPassedTests: passed, numFailedTests: failed } = JSON.parse(readFileSync(results, "utf8"));
  return { passed, failed };
}

function countNode(output) {
  const number = (pattern) => Number(pattern.exec(output)?.[1] ?? 0);
  return { passed: number(/^# pass (\d+)$/m), failed: number(/^# fail (\d+)$/m) };
}

/** Runs the failing tests once more and reports whether all of them are flaky. */
async function rerun() {
  if (process.env.RERUN !== "1" || !existsSync(results)) return false;
  const first = JSON.parse(readFileSync(results, "utf8"));
  const failed = failures(first);
  if (failed.length === 0) return false;
  const second = join(scratch, "again.json");
  const files = [...new Set(failed.map(({ file }) => file))];
  const names = failed.map(({ name }) => name.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")).join("|");
  console.log(`once more: ${failed.map(({ name }) => name).join(", ")}`);
  await run([...jest.slice(0, -1), second, "--testNamePattern", `^(${names})$`, "--runTestsByPath", ...files]);
  const passed = existsSync(second) ? flaky(failed, JSON.parse(readFileSync(second, "utf8"))) : [];
  for (const { name, output } of passed) {
    console.log(`FLAKY ${name}`);
    if (process.env.RERUN_FLAKY) appendFileSync(process.env.RERUN_FLAKY, `FLAKY ${name}\n${output}\n`);
  }
  return passed.length === failed.length;
}

/** Runs a program and returns whether it succeeded, and what it printed. */
async function run([program, ...args]) {
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  const ok = (await new Promise((resolve) => child.once("close", resolve))) === 0;
  return { ok, output };
}

/** Runs one check and returns how many of its parts have passed and failed. */
async function check({ name, run: command, count, always, again }) {
  const begun = Date.now();
  const { ok: passedAtOnce, output } = await run(command);
  if (!passedAtOnce || always) process.stdout.write(output);
  const repeated = !passedAtOnce && (await again?.()) === true;
  const ok = passedAtOnce || repeated;
  console.log(`${ok ? "ok    " : "FAILED"}  ${name}, ${Math.round((Date.now() - begun) / 1000)} s`);
  const { passed, failed } = count?.(output) ?? { passed: Number(ok), failed: 0 };
  if (repeated) return { passed: passed + failed, failed: 0 };
  return { passed, failed: Math.max(failed, Number(!ok)) };
}

async function inTurn(checks) {
  const outcomes = [];
  for (const one of checks) outcomes.push(await check(one));
  return outcomes;
}

try {
  const outcomes = (await Promise.all([inTurn(tests), inTurn(builds)])).flat();
  const sum = (column) => outcomes.reduce((total, outcome) => total + outcome[column], 0);
  process.exitCode = sum("failed") > 0 ? 1 : 0;
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
} finally {
  rmSync(scratch, { recursive: true });
}
