// Lets the Android app talk to a server by plain http, such as one's own at home, which Android forbids otherwise. On
// iPhones it is NSAllowsLocalNetworking, in app.json.
const { AndroidConfig, withAndroidManifest } = require("expo/config-plugins");

module.exports = (config) =>
  withAndroidManifest(config, (manifest) => {
    const application = AndroidConfig.Manifest.getMainApplicationOrThrow(manifest.modResults);
    application.$["android:usesCleartextTraffic"] = "true";
    return manifest;
  });
