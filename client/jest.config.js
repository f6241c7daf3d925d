// The tests of core and device run in plain Node. The tests of ui need React Native and run in jest-expo.
const transform = { "\\.[jt]sx?$": ["babel-jest", { presets: ["babel-preset-expo"] }] };

module.exports = {
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
      testMatch: ["<rootDir>/src/ui/**/*.test.{ts,tsx}"],
      setupFiles: ["<rootDir>/src/ui/i18n/all.fakes.ts"],
    },
  ],
};
