// Turns an export into the site that the server embeds. A site is a map from file names in dist to contents.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";

const digest = (content, algorithm, encoding) => createHash(algorithm).update(content).digest(encoding);
const text = (site, name) => site.get(name).toString("utf8");

const forms = [
  {
    suffix: ".br",
    expand: brotliDecompressSync,
    compress: (content) =>
      brotliCompressSync(content, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
        },
      }),
  },
  {
    suffix: ".gz",
    expand: gunzipSync,
    compress: (content) => gzipSync(content, { level: constants.Z_BEST_COMPRESSION }),
  },
];

/** Removes the parts for other tools: source maps, the comments that name them, and the metadata. */
export function strip(site) {
  site.delete("metadata.json");
  for (const name of [...site.keys()]) {
    if (name.endsWith(".map")) site.delete(name);
    else if (name.endsWith(".js")) site.set(name, Buffer.from(text(site, name).replace(/^\/\/# .*\n?/gm, "")));
  }
}

/** Puts the digest of base.css into its name, as all files of the page have it, so that browsers cache it for ever. */
export function nameByContent(site) {
  const css = site.get("base.css");
  const name = `_expo/static/css/base-${digest(css, "md5", "hex")}.css`;
  site.delete("base.css");
  site.set(name, css);
  const page = text(site, "index.html");
  if (!page.includes('"/base.css"')) throw new Error("index.html does not link to /base.css");
  site.set("index.html", Buffer.from(page.replace('"/base.css"', `"/${name}"`)));
}

/** Writes the service worker for the page and its files. */
export function addWorker(site, source) {
  const files = [...site.keys()]
    .filter((name) => name === "index.html" || name.startsWith("_expo/static/"))
    .sort()
    .map((name) => [name === "index.html" ? "/" : `/${name}`, `sha256-${digest(site.get(name), "sha256", "base64")}`]);
  const version = digest(JSON.stringify(files), "sha256", "hex").slice(0, 12);
  const constantsOf = `const version = ${JSON.stringify(version)};\nconst files = ${JSON.stringify(files, null, 1)};\n`;
  site.set("sw.js", Buffer.from(`${constantsOf}\n${source.replace(/^\/\* global .*\n/m, "")}`));
}

/** Adds compressed forms of the files that become at least a tenth smaller. */
export function addCompressed(site) {
  for (const [name, content] of [...site]) {
    if (name.endsWith(".png")) continue; // already compressed
    for (const { suffix, compress } of forms) {
      const small = compress(content);
      if (small.length < 0.9 * content.length) site.set(name + suffix, small);
    }
  }
}

/** Returns the sizes of the files that a first visit loads, in bytes, one row per file. */
export function sizes(site) {
  return [...site.keys()]
    .filter((name) => /^(_expo\/static\/.*\.(js|css)|index\.html|sw\.js|icon\.svg|manifest\.webmanifest)$/.test(name))
    .sort()
    .map((name) => {
      const [raw, br, gz] = ["", ".br", ".gz"].map(
        (suffix) => site.get(name + suffix)?.length ?? site.get(name).length,
      );
      return { name, raw, gz, br };
    });
}

/** Lists the differences of the site `has` from the site `wants`. Compressed forms are compared after decompression, because versions of zlib differ. */
export function differences(has, wants) {
  const faults = [];
  for (const name of new Set([...wants.keys(), ...has.keys()])) {
    const form = forms.find(({ suffix }) => name.endsWith(suffix));
    if (!has.has(name)) faults.push(`${name} is missing`);
    else if (!wants.has(name)) faults.push(`${name} is not of this build`);
    else if (
      form
        ? !expandsTo(form, has.get(name), wants.get(name.slice(0, -form.suffix.length)))
        : !has.get(name).equals(wants.get(name))
    ) {
      faults.push(`${name} differs`);
    }
  }
  return faults.sort();
}

function expandsTo({ expand }, small, content) {
  try {
    return expand(small).equals(content);
  } catch {
    return false; // not compressed in this form
  }
}
