// Checks the app: types, style, tests, that dist matches the source, and that the bundles for phones compile. Two checks run
// at a time. The output of a check is printed only if it fails. The last line, `N passed, N failed`, counts every test, and
// each other check as one.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "restante-check-"));
const bin = (name) => join(root, "node_modules/.bin", name);
const results = join(scratch, "jest.json");

const tests = [
  { name: "types", run: [bin("tsc"), "--noEmit"] },
  { name: "style", run: [bin("eslint"), "--max-warnings", "0", "."] },
  { name: "tests of the app", run: [bin("jest"), "--maxWorkers", "2", "--json", "--outputFile", results], count: countJest },
  { name: "tests of the scripts", run: [process.execPath, "--test", "--test-reporter", "tap", "scripts/"], count: countNode },
];
const builds = [
  { name: "dist", run: [process.execPath, "scripts/build.mjs", "--check"], always: true },
  { name: "bundles for phones", run: [bin("expo"), "export", "--platform", "android", "--platform", "ios", "--output-dir", join(scratch, "phones")] },
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

/** Runs one check and returns how many of its parts have passed and failed. */
async function check({ name, run: [program, ...args], count, always }) {
  const begun = Date.now();
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => { output += text; });
  const ok = (await new Promise((resolve) => child.once("close", resolve))) === 0;
  if (!ok || always) process.stdout.write(output);
  console.log(`${ok ? "ok    " : "FAILED"}  ${name}, ${Math.round((Date.now() - begun) / 1000)} s`);
  const { passed, failed } = count?.(output) ?? { passed: Number(ok), failed: 0 };
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
