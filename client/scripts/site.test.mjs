import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { brotliCompressSync, brotliDecompressSync, constants, gzipSync } from "node:zlib";
import { packagesOf } from "./licences.mjs";
import { addWorker, differences, minifyScripts, nameByContent, prefetch, sizes, stored, strip } from "./site.mjs";

const long = "the same again, ".repeat(50);
const make = (files) => new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]));
const page = (css) => `<link rel="stylesheet" href="${css}"><script src="/_expo/static/js/app-1.js"></script>`;
const exported = () =>
  make({
    "index.html": page("/base.css"),
    "base.css": long,
    "metadata.json": "{}",
    "icon.png": long,
    "icon.svg": "<svg/>",
    "_expo/static/js/app-1.js": `${long}\n//# sourceMappingURL=/app-1.js.map\n//# debugId=1`,
    "_expo/static/js/app-1.js.map": "{}",
    "_expo/static/js/lazy-1.js": long,
  });

function finished() {
  const site = exported();
  strip(site);
  nameByContent(site);
  addWorker(site, "/* global version, files */\nwork();\n");
  return site;
}

test("the files for other tools are removed", () => {
  const site = exported();
  strip(site);
  assert.deepEqual(
    [...site.keys()],
    ["index.html", "base.css", "icon.png", "icon.svg", "_expo/static/js/app-1.js", "_expo/static/js/lazy-1.js"],
  );
  assert.equal(site.get("_expo/static/js/app-1.js").toString(), `${long}\n`);
});

test("the page links to the style sheet by its content", () => {
  const names = [long, "other"].map((css) => {
    const site = exported();
    site.set("base.css", Buffer.from(css));
    nameByContent(site);
    const name = [...site.keys()].find((key) => key.endsWith(".css"));
    assert.match(name, /^_expo\/static\/css\/base-[0-9a-f]{32}\.css$/);
    assert.equal(site.get("index.html").toString(), page(`/${name}`));
    return name;
  });
  assert.notEqual(names[0], names[1]);
  assert.throws(() => nameByContent(make({ "index.html": "", "base.css": "" })), /nothing loads/);
});

test("a script is minified as a whole, and named by its content", async () => {
  const script = (value) =>
    `__d(function(){var first=${value};return first+first});__d(function(){var second=${value};return second+second});`;
  const names = [];
  for (const value of ["f()", "g()"]) {
    const name = "_expo/static/js/web/index-1.js";
    const site = make({ "index.html": `<script src="/${name}">`, [name]: script(value) });
    await minifyScripts(site);
    const [, after] = [...site.keys()];
    assert.match(after, /^_expo\/static\/js\/web\/index-[0-9a-f]{32}\.js$/);
    assert.equal(site.get("index.html").toString(), `<script src="/${after}">`);
    const [one, other] = site
      .get(after)
      .toString()
      .match(/function\(\)\{.*?\}/g);
    assert.equal(one, other, "one thing has two names");
    names.push(after);
  }
  assert.notEqual(names[0], names[1]);
});

test("a script that loads another one has another name when that one has", async () => {
  const directory = "/_expo/static/js/web/";
  const names = [];
  for (const value of ["f()", "g()"]) {
    const site = make({
      "index.html": `<script src="${directory}index-1.js">`,
      [`${directory.slice(1)}index-1.js`]: `load("${directory}part-1.js")`,
      [`${directory.slice(1)}part-1.js`]: value,
    });
    await minifyScripts(site);
    const [index, part] = ["index", "part"].map((name) => [...site.keys()].find((key) => key.includes(`${name}-`)));
    assert.match(site.get(index).toString(), new RegExp(`"/${part}"`));
    names.push(index);
  }
  assert.notEqual(names[0], names[1]);
});

test("scripts that load each other have no names", async () => {
  const site = make({ "a-1.js": 'load("/b-1.js")', "b-1.js": 'load("/a-1.js")' });
  await assert.rejects(minifyScripts(site), /each of these scripts loads another/);
});

test("a part that the page will need is named in the page, so that it is loaded before it does", () => {
  const site = make({ "index.html": "<head></head>", "_expo/static/js/web/Home-1.js": "" });
  prefetch(site, "Home");
  assert.match(
    site.get("index.html").toString(),
    /<link rel="prefetch" [^>]*href="\/_expo\/static\/js\/web\/Home-1.js">/,
  );
  assert.throws(() => prefetch(site, "Away"), /there is no part Away/);
});

test("the worker knows the page and the files that the page names, and no others", () => {
  const worker = finished().get("sw.js").toString();
  const files = JSON.parse(/^const files = (\[[^]*?\n\]);$/m.exec(worker)[1]);
  assert.deepEqual(
    files.map(([url]) => url.replace(/-[0-9a-f]{32}/, "")),
    ["/_expo/static/css/base.css", "/_expo/static/js/app-1.js", "/"],
  );
  for (const [, integrity] of files) assert.match(integrity, /^sha256-[A-Za-z0-9+/]{43}=$/);
  assert.match(worker, /\nwork\(\);\n$/);
  const site = exported();
  site.set("index.html", Buffer.from('changed <link href="/base.css">'));
  nameByContent(site);
  addWorker(site, "");
  const version = (text) => /^const version = "([0-9a-f]{12})";/.exec(text)[1];
  assert.notEqual(version(worker), version(site.get("sw.js").toString()));
});

test("a file is stored once, compressed if it becomes smaller", () => {
  const site = finished();
  const js = "_expo/static/js/app-1.js";
  const files = stored(site);
  assert.deepEqual([...files.keys()].map((name) => name.replace(/-[0-9a-f]{32}/, "")).sort(), [
    "_expo/static/css/base.css.br",
    `${js}.br`,
    "_expo/static/js/lazy-1.js.br",
    "icon.png",
    "icon.svg",
    "index.html.br",
    "sw.js.br",
  ]);
  assert.deepEqual(brotliDecompressSync(files.get(`${js}.br`)), site.get(js));
  const [first] = sizes(site).filter(({ name }) => name === js);
  assert.deepEqual(first, {
    name: js,
    raw: site.get(js).length,
    gz: gzipSync(site.get(js), { level: 9 }).length,
    br: files.get(`${js}.br`).length,
  });
  assert.deepEqual(
    sizes(site).map(({ name }) => name.replace(/-[0-9a-f]{32}/, "")),
    ["_expo/static/css/base.css", js, "icon.svg", "index.html", "sw.js"],
  );
});

test("a site is compared by its contents", () => {
  const js = "_expo/static/js/app-1.js.br";
  const changed = (change) => {
    const files = stored(finished());
    change(files);
    return differences(files, stored(finished()));
  };
  assert.deepEqual(
    changed(() => {}),
    [],
  );
  const otherwise = brotliCompressSync(brotliDecompressSync(stored(finished()).get(js)), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  });
  assert.deepEqual(
    changed((files) => files.set(js, otherwise)),
    [],
    "compressed by another version",
  );
  for (const damaged of [Buffer.from("x"), otherwise.subarray(0, -2), brotliCompressSync(Buffer.from("x"))]) {
    assert.deepEqual(
      changed((files) => files.set(js, damaged)),
      [`${js} differs`],
    );
  }
  assert.deepEqual(
    changed((files) => files.set("icon.png", Buffer.from("x"))),
    ["icon.png differs"],
  );
  assert.deepEqual(
    changed((files) => files.delete("icon.png")),
    ["icon.png is missing"],
  );
  assert.deepEqual(
    changed((files) => files.set("old.js", Buffer.from(""))),
    ["old.js is not of this build"],
  );
});

test("the packages are those of the sources", () => {
  const sources = [
    "__prelude__",
    "/index.ts",
    "/node_modules/a/lib/x.js",
    "/node_modules/a/y.js",
    "/node_modules/@b/c/z.js",
    "/node_modules/a/node_modules/@d/e/x.js",
  ];
  assert.deepEqual(packagesOf(sources), ["/node_modules/a", "/node_modules/@b/c", "/node_modules/a/node_modules/@d/e"]);
});
