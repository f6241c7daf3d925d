// The configuration of the apps for phones. What never changes is in app.json. This adds the version, which package.json says,
// and the host whose https links open the app, which RESTANTE_HOST names when an app is built.
const { version } = require("./package.json");

/** Returns a number that rises with the version, as the stores need: 1.2.3 is 1002003. */
function codeOf(version) {
  const [, ...parts] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(version) ?? [];
  if (parts.length === 0) throw new Error(`package.json: ${version} is not a version such as 1.2.3`);
  return parts.reduce((code, part) => code * 1000 + Number(part), 0);
}

/** Returns the parts that let https links to a host open the app. The host has to agree, see docs/app.md. */
function linksOf(host) {
  if (!/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/.test(host)) {
    throw new Error(`RESTANTE_HOST: ${JSON.stringify(host)} is not a host name such as chat.example.org`);
  }
  return {
    ios: { associatedDomains: [`applinks:${host}`] },
    android: {
      intentFilters: [
        {
          action: "VIEW",
          autoVerify: true,
          data: [{ scheme: "https", host, path: "/" }], // the room is in the fragment, which Android does not compare
          category: ["BROWSABLE", "DEFAULT"],
        },
      ],
    },
  };
}

module.exports = ({ config }) => {
  const host = process.env.RESTANTE_HOST ?? "";
  const links = host === "" ? { ios: {}, android: {} } : linksOf(host);
  const code = codeOf(version);
  return {
    ...config,
    version,
    ios: { ...config.ios, ...links.ios, buildNumber: String(code) },
    android: { ...config.android, ...links.android, versionCode: code },
  };
};
