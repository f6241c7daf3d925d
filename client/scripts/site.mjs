// Makes of an export what the server embeds. A site is a map from the names of files, as they lie in dist, to contents.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";

const digest = (content, algorithm, encoding) => createHash(algorithm).update(content).digest(encoding);
const text = (site, name) => site.get(name).toString("utf8");

const forms = [
  { suffix: ".br", expand: brotliDecompressSync, compress: (content) => brotliCompressSync(content, { params: {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY, [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  } }) },
  { suffix: ".gz", expand: gunzipSync, compress: (content) => gzipSync(content, { level: constants.Z_BEST_COMPRESSION }) },
];

/** Takes out what the export has for other tools: source maps, the scripts' lines that name them, and a description. */
export function strip(site) {
  site.delete("metadata.json");
  for (const name of [...site.keys()]) {
    if (name.endsWith(".map")) site.delete(name);
    else if (name.endsWith(".js")) site.set(name, Buffer.from(text(site, name).replace(/^\/\/# .*\n?/gm, "")));
  }
}

/** Puts the digest of base.css into its name, as all have that the page is made of, so that browsers keep it for ever. */
export function nameByContent(site) {
  const css = site.get("base.css");
  const name = `_expo/static/css/base-${digest(css, "md5", "hex")}.css`;
  site.delete("base.css");
  site.set(name, css);
  const page = text(site, "index.html");
  if (!page.includes('"/base.css"')) throw new Error("index.html does not link to /base.css");
  site.set("index.html", Buffer.from(page.replace('"/base.css"', `"/${name}"`)));
}

/** Writes the service worker for the page and the files that it is made of. */
export function addWorker(site, source) {
  const files = [...site.keys()]
    .filter((name) => name === "index.html" || name.startsWith("_expo/static/"))
    .sort()
    .map((name) => [name === "index.html" ? "/" : `/${name}`, `sha256-${digest(site.get(name), "sha256", "base64")}`]);
  const version = digest(JSON.stringify(files), "sha256", "hex").slice(0, 12);
  const constantsOf = `const version = ${JSON.stringify(version)};\nconst files = ${JSON.stringify(files, null, 1)};\n`;
  site.set("sw.js", Buffer.from(`${constantsOf}\n${source.replace(/^\/\* global .*\n/m, "")}`));
}

/** Adds the compressed forms of the files for which that is worth while. */
export function addCompressed(site) {
  for (const [name, content] of [...site]) {
    if (name.endsWith(".png")) continue; // is compressed as it is
    for (const { suffix, compress } of forms) {
      const small = compress(content);
      if (small.length < 0.9 * content.length) site.set(name + suffix, small);
    }
  }
}

/** The sizes of what a first visit loads, in bytes, one row a file. */
export function sizes(site) {
  return [...site.keys()]
    .filter((name) => /^(_expo\/static\/.*\.(js|css)|index\.html|sw\.js|icon\.svg|manifest\.webmanifest)$/.test(name))
    .sort()
    .map((name) => {
      const [raw, br, gz] = ["", ".br", ".gz"].map((suffix) => site.get(name + suffix)?.length ?? site.get(name).length);
      return { name, raw, gz, br };
    });
}

/** What is wrong with the site `has`, if it should be `wants`, one sentence each. Compressed forms need not be the same bytes: other versions of zlib make others. */
export function differences(has, wants) {
  const faults = [];
  for (const name of new Set([...wants.keys(), ...has.keys()])) {
    const form = forms.find(({ suffix }) => name.endsWith(suffix));
    if (!has.has(name)) faults.push(`${name} is missing`);
    else if (!wants.has(name)) faults.push(`${name} is not of this build`);
    else if (form ? !expandsTo(form, has.get(name), wants.get(name.slice(0, -form.suffix.length))) : !has.get(name).equals(wants.get(name))) {
      faults.push(`${name} differs`);
    }
  }
  return faults.sort();
}

function expandsTo({ expand }, small, content) {
  try {
    return expand(small).equals(content);
  } catch {
    return false; // is no such form at all
  }
}
