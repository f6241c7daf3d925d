// Turns an export into the site that the server embeds. A site is a map from file names to contents.
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync, constants, gzipSync } from "node:zlib";
import { minify } from "terser";

const digest = (content, algorithm, encoding) => createHash(algorithm).update(content).digest(encoding);
const text = (site, name) => site.get(name).toString("utf8");

const suffix = ".br";

const compressed = (content) =>
  brotliCompressSync(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });

/** Removes the parts for other tools: source maps, the comments that name them, and the metadata. */
export function strip(site) {
  site.delete("metadata.json");
  for (const name of [...site.keys()]) {
    if (name.endsWith(".map")) site.delete(name);
    else if (name.endsWith(".js")) site.set(name, Buffer.from(text(site, name).replace(/^\/\/# .*\n?/gm, "")));
  }
}

/**
 * Minifies each script as a whole. Metro has minified each module by itself, so that the same thing has another name in
 * each; with the same names in all of them a script is 4 % smaller with Brotli. A script is named by the digest of its
 * content, in which are the names of those that it loads: these come first.
 */
export async function minifyScripts(site) {
  const left = new Set([...site.keys()].filter((file) => file.endsWith(".js")));
  while (left.size > 0) {
    const names = (file) => [...left].some((other) => other !== file && text(site, file).includes(`/${other}"`));
    const name = [...left].find((file) => !names(file));
    if (name === undefined) throw new Error(`each of these scripts loads another: ${[...left].join(", ")}`);
    left.delete(name);
    const { code } = await minify(text(site, name), { ecma: 2020 });
    site.set(name, Buffer.from(code));
    rename(site, name, (hash) => name.replace(/-\w+\.js$/, `-${hash}.js`));
  }
}

/** Puts the digest of base.css into its name, as all files of the page have it, so that browsers cache it for ever. */
export function nameByContent(site) {
  rename(site, "base.css", (hash) => `_expo/static/css/base-${hash}.css`);
}

/** Names a file by the digest of its content, also in the page and the scripts that load it. */
function rename(site, before, nameOf) {
  const content = site.get(before);
  const after = nameOf(digest(content, "md5", "hex"));
  const users = [...site.keys()].filter(
    (file) => /\.(html|js)$/.test(file) && text(site, file).includes(`"/${before}"`),
  );
  if (users.length === 0) throw new Error(`nothing loads /${before}`);
  site.delete(before);
  site.set(after, content);
  for (const file of users) site.set(file, Buffer.from(text(site, file).replaceAll(`"/${before}"`, `"/${after}"`)));
}

/** Lets the browser load a part of the app that the page will need, after what it needs now. */
export function prefetch(site, part) {
  const name = [...site.keys()].find((file) => file.startsWith(`_expo/static/js/web/${part}-`));
  if (name === undefined) throw new Error(`there is no part ${part}`);
  const link = `<link rel="prefetch" as="script" href="/${name}">`;
  site.set("index.html", Buffer.from(text(site, "index.html").replace("</head>", `${link}</head>`)));
}

/** Whether a file is the page or one that the page names. The app loads the others when they are needed, such as the list of emoji. */
function isLoadedAtOnce(site, name) {
  return name === "index.html" || (name.startsWith("_expo/static/") && text(site, "index.html").includes(`"/${name}"`));
}

/** Writes the service worker for the page and the files that the page names. */
export function addWorker(site, source) {
  const files = [...site.keys()]
    .filter((name) => isLoadedAtOnce(site, name))
    .sort()
    .map((name) => [name === "index.html" ? "/" : `/${name}`, `sha256-${digest(site.get(name), "sha256", "base64")}`]);
  const version = digest(JSON.stringify(files), "sha256", "hex").slice(0, 12);
  const constantsOf = `const version = ${JSON.stringify(version)};\nconst files = ${JSON.stringify(files, null, 1)};\n`;
  site.set("sw.js", Buffer.from(`${constantsOf}\n${source.replace(/^\/\* global .*\n/m, "")}`));
}

/** Returns the site as it is stored: each file once, by Brotli if that makes it at least a tenth smaller. The server makes the other forms of it. */
export function stored(site) {
  return new Map(
    [...site].map(([name, content]) => {
      const small = name.endsWith(".png") ? content : compressed(content); // a PNG is already compressed
      return small.length < 0.9 * content.length ? [name + suffix, small] : [name, content];
    }),
  );
}

/** Returns the sizes of the files that a first visit loads, in bytes, one row per file. */
export function sizes(site) {
  const files = stored(site);
  return [...site]
    .filter(([name]) => isLoadedAtOnce(site, name) || /^(sw\.js|icon\.svg|manifest\.webmanifest)$/.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, content]) => {
      const small = files.get(name + suffix);
      const gz = small ? gzipSync(content, { level: constants.Z_BEST_COMPRESSION }) : content;
      return { name, raw: content.length, gz: gz.length, br: (small ?? content).length };
    });
}

/** Lists the differences of the stored site `has` from the stored site `wants`. Compressed files are compared after decompression, because versions of zlib differ. */
export function differences(has, wants) {
  const faults = [];
  for (const name of new Set([...wants.keys(), ...has.keys()])) {
    if (!has.has(name)) faults.push(`${name} is missing`);
    else if (!wants.has(name)) faults.push(`${name} is not of this build`);
    else if (!contentOf(name, has)?.equals(contentOf(name, wants))) faults.push(`${name} differs`);
  }
  return faults.sort();
}

/** Returns the content of a stored file, or null if it is damaged. */
function contentOf(name, site) {
  try {
    return name.endsWith(suffix) ? brotliDecompressSync(site.get(name)) : site.get(name);
  } catch {
    return null;
  }
}
