// Compares what Expo will write into the manifests of the apps for phones with the files in test/manifests: an app without a
// host for https links, and one with. `UPDATE=1 node --test scripts/manifests.test.mjs` writes the files anew.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const quiet = { CI: "1", EXPO_NO_DOTENV: "1", EXPO_NO_TELEMETRY: "1", EXPO_OFFLINE: "1" };

/** Returns the configuration as Expo and its plugins complete it. */
function introspect(host) {
  const expo = join(root, "node_modules/.bin/expo");
  const env = { ...process.env, ...quiet, RESTANTE_HOST: host };
  const args = ["config", "--type", "introspect", "--json"];
  const text = execFileSync(expo, args, { cwd: root, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return JSON.parse(text);
}

/** Returns the parts that end up in an app, without what is true only on this machine. */
function manifestsOf({ version, ios, android, _internal: { modResults } }) {
  const { manifest, strings } = modResults.android;
  const { infoPlist, entitlements } = modResults.ios;
  return {
    version,
    android: { versionCode: android.versionCode, ...manifest, strings: strings.resources.string },
    ios: { buildNumber: ios.buildNumber, infoPlist, entitlements, privacyManifest: ios.privacyManifests },
  };
}

function compare(name, host) {
  const file = join(root, "test/manifests", name);
  const text = `${JSON.stringify(manifestsOf(introspect(host)), null, 2)}\n`;
  assert(!text.includes(root.slice(0, -1)), "a manifest has a path of this machine");
  if (process.env.UPDATE === "1") {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(file, "utf8")));
}

test("the manifests are those of test/manifests", () => compare("plain.json", ""));

test("the manifests with a host for https links are those of test/manifests", () =>
  compare("host.json", "chat.example.org"));

for (const host of [
  "https://chat.example.org",
  "chat.example.org:8443",
  "chat",
  "*.example.org",
  "a b.org",
  "10.0.0.1",
])
  test(`no app is built for the host ${host}`, () => {
    assert.throws(() => introspect(host), /is not a host name/);
  });

test("the app declares what its modules declare to Apple", () => {
  const declared = new Map(
    JSON.parse(readFileSync(join(root, "app.json"), "utf8")).expo.ios.privacyManifests.NSPrivacyAccessedAPITypes.map(
      (api) => [api.NSPrivacyAccessedAPIType, api.NSPrivacyAccessedAPITypeReasons],
    ),
  );
  const manifests = privacyManifests(join(root, "node_modules"));
  assert(manifests.length > 3);
  for (const file of manifests) {
    let type;
    for (const [, value] of readFileSync(file, "utf8").matchAll(/<string>([^<]+)<\/string>/g)) {
      if (value.startsWith("NSPrivacyAccessedAPICategory")) type = value;
      else assert(declared.get(type)?.includes(value), `${file}: ${type} ${value} is not in app.json`);
    }
  }
});

/** Returns the privacy manifests of the modules that are built into the app. */
function privacyManifests(modules) {
  const names = readdirSync(modules).filter((name) => /^(expo|react-native)/.test(name));
  return names.flatMap((name) =>
    readdirSync(join(modules, name), { recursive: true })
      .filter((file) => file.endsWith("PrivacyInfo.xcprivacy"))
      .map((file) => join(modules, name, file)),
  );
}
