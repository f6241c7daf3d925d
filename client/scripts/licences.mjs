// Whose code is in the bundle, and under which terms: dist/licenses.txt, which goes with the page as most of them ask.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const rule = "=".repeat(80);

/** The directories of the packages that the sources of a source map, which are paths in the project, belong to. */
export function packagesOf(sources) {
  const found = new Set();
  for (const source of sources) {
    const inPackage = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(source);
    if (inPackage) found.add(inPackage[1]);
  }
  return [...found];
}

/** The text of licenses.txt. Packages that come without a file of their own are listed by what their package.json says. */
export function licencesText(root, directories) {
  const packages = directories.map((directory) => describe(join(root, directory)));
  const unique = new Map(packages.map((p) => [`${p.name} ${p.version}`, p]));
  const parts = [...unique.keys()].sort().map((key) => part(key, unique.get(key)));
  return `The web client of Restante holds code of these packages.\n\n${parts.join("")}`;
}

function describe(directory) {
  const { name, version, license, author, repository } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const texts = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i.test(file)).sort();
  return {
    name, version, license,
    from: typeof repository === "string" ? repository : repository?.url,
    by: typeof author === "string" ? author : author?.name,
    terms: texts.map((file) => readFileSync(join(directory, file), "utf8").replaceAll("\r\n", "\n").trim()).join("\n\n"),
  };
}

function part(key, { license, from, by, terms }) {
  const facts = [`licence: ${license}`, by && `author: ${by}`, from && `source: ${from}`].filter(Boolean);
  return `${rule}\n${key}\n${facts.join("\n")}\n\n${terms ? `${terms}\n\n` : ""}`;
}
