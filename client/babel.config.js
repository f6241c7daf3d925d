// Expo's preset, without its transforms of private methods on the web: every browser that the app supports has them, and a first
// visit is smaller with the language's own than with their replacements.
const expo = require("babel-preset-expo");
const web = require("babel-preset-expo/build/configs/web");

module.exports = (api) => {
  const { presets, ...rest } = expo(api);
  return { ...rest, presets: presets.filter((preset) => preset[0] !== web) };
};
