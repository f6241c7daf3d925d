// Builds the web client into dist, which is committed and embedded in the server. Each file is there in the one form from which the
// server makes the others, so that a build adds little to the repository.
//
//   node scripts/build.mjs           builds
//   node scripts/build.mjs --check   builds in a temporary directory, and fails unless dist is the same
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { licencesText, packagesOf } from "./licences.mjs";
import { addWorker, differences, minifyScripts, nameByContent, prefetch, sizes, stored, strip } from "./site.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const limit = 170_000; // bytes that a first visit may load, compressed with Brotli

/** Reads the files below a directory. */
function read(directory) {
  const names = readdirSync(directory, { recursive: true }).map((name) => join(directory, name));
  return new Map(
    names.filter((name) => statSync(name).isFile()).map((name) => [relative(directory, name), readFileSync(name)]),
  );
}

/** Makes dist contain exactly these files. It writes before it removes, so that the page exists at every moment. */
function write(site) {
  for (const [name, content] of site) {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, name), content);
  }
  for (const name of read(dist).keys()) if (!site.has(name)) rmSync(join(dist, name));
}

function exported() {
  const directory = mkdtempSync(join(tmpdir(), "restante-web-"));
  try {
    const args = [
      join(root, "node_modules/expo/bin/cli"),
      "export",
      "--platform",
      "web",
      "--source-maps",
      "--output-dir",
      directory,
    ];
    const env = {
      ...process.env,
      CI: "1",
      EXPO_NO_TELEMETRY: "1",
      EXPO_OFFLINE: "1",
      EXPO_NO_DOTENV: "1",
      EXPO_UNSTABLE_TREE_SHAKING: "1",
      EXPO_UNSTABLE_METRO_OPTIMIZE_GRAPH: "1",
    };
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      env,
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0) throw new Error(`expo export has failed\n${stderr}`);
    return read(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function built() {
  const site = exported();
  const sources = [...site]
    .filter(([name]) => name.endsWith(".map"))
    .flatMap(([, content]) => JSON.parse(content).sources);
  strip(site);
  await minifyScripts(site);
  nameByContent(site);
  prefetch(site, "Home");
  addWorker(site, readFileSync(join(root, "scripts/sw.js"), "utf8"));
  site.set("licenses.txt", Buffer.from(licencesText(root, packagesOf(sources))));
  for (const [name, content] of site)
    if (content.includes(root)) throw new Error(`${name} names the directory in which it was built`);
  return site;
}

/** Prints the files that a first visit loads, and returns their size with Brotli. */
function report(site) {
  const rows = sizes(site);
  const sum = (column) => rows.reduce((total, row) => total + row[column], 0);
  const total = { name: "a first visit", raw: sum("raw"), gz: sum("gz"), br: sum("br") };
  for (const { name, raw, gz, br } of [{ name: "bytes", raw: "raw", gz: "gzip", br: "brotli" }, ...rows, total]) {
    console.log(name.padEnd(64), ...[raw, gz, br].map((n) => String(n).padStart(8)));
  }
  return total.br;
}

const site = await built();
const first = report(site);
if (process.argv.includes("--check")) {
  const faults = differences(read(dist), stored(site));
  if (faults.length > 0) {
    console.error(
      `client/dist is not what the source makes; \`make client\` builds it, then commit it.\n  ${faults.join("\n  ")}`,
    );
    process.exitCode = 1;
  }
} else {
  write(stored(site));
}
if (first > limit) throw new Error(`a first visit loads ${first} bytes, more than ${limit}`);
