// Writes dist/licenses.txt: the packages in the bundle and their licences. Most licences require it to be delivered with the page.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const rule = "=".repeat(80);

/** Returns the directories of the packages to which the sources of a source map belong. Sources are paths in the project. */
export function packagesOf(sources) {
  const found = new Set();
  for (const source of sources) {
    const inPackage = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(source);
    if (inPackage) found.add(inPackage[1]);
  }
  return [...found];
}

/** Returns the text of licenses.txt. A package without a licence file is listed with the facts of its package.json. */
export function licencesText(root, directories) {
  const packages = directories.map((directory) => describe(join(root, directory)));
  const unique = new Map(packages.map((p) => [`${p.name} ${p.version}`, p]));
  const parts = [...unique.keys()].sort().map((key) => part(key, unique.get(key)));
  return `The web client of Restante holds code of these packages.\n\n${parts.join("")}`;
}

function describe(directory) {
  const { name, version, license, author, repository } = JSON.parse(
    readFileSync(join(directory, "package.json"), "utf8"),
  );
  const texts = readdirSync(directory)
    .filter((file) => /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i.test(file))
    .sort();
  return {
    name,
    version,
    license,
    from: typeof repository === "string" ? repository : repository?.url,
    by: typeof author === "string" ? author : author?.name,
    terms: texts
      .map((file) => readFileSync(join(directory, file), "utf8").replaceAll("\r\n", "\n").trim())
      .join("\n\n"),
  };
}

function part(key, { license, from, by, terms }) {
  const facts = [`licence: ${license}`, by && `author: ${by}`, from && `source: ${from}`].filter(Boolean);
  return `${rule}\n${key}\n${facts.join("\n")}\n\n${terms ? `${terms}\n\n` : ""}`;
}
