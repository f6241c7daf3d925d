// The tests of core and device run in plain Node. The tests of ui need React Native and run in jest-expo.
const transform = { "\\.[jt]sx?$": ["babel-jest", { presets: ["babel-preset-expo"] }] };

const expo = require("jest-expo/jest-preset").transform;
const [script] = Object.keys(expo).filter((pattern) => "x.tsx".match(pattern));
const [babel, options] = expo[script];
const uiTransform = { ...expo, [script]: [babel, { ...options, plugins: [require.resolve("./scripts/imports.cjs")] }] };

module.exports = {
  testTimeout: 30_000, // a first run compiles what a test loads on demand, such as React Native's Modal
  projects: [
    {
      displayName: "core",
      testEnvironment: "node",
      testMatch: ["<rootDir>/src/{core,device}/**/*.test.ts"],
      transform,
      transformIgnorePatterns: ["/node_modules/(?!(idb)/)"],
    },
    {
      displayName: "ui",
      preset: "jest-expo",
      transform: uiTransform,
      testMatch: ["<rootDir>/src/ui/**/*.test.{ts,tsx}"],
      setupFiles: ["<rootDir>/src/ui/i18n/all.fakes.ts"],
    },
  ],
};
