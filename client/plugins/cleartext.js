// Lets the Android app connect to a server by plain http, for example on a home network, which Android forbids by default.
// On iPhones the setting is NSAllowsLocalNetworking, in app.json.
const { AndroidConfig, withAndroidManifest } = require("expo/config-plugins");

module.exports = (config) =>
  withAndroidManifest(config, (manifest) => {
    const application = AndroidConfig.Manifest.getMainApplicationOrThrow(manifest.modResults);
    application.$["android:usesCleartextTraffic"] = "true";
    return manifest;
  });
