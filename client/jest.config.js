// The logic runs as it is in Node, as does what keeps data; what React draws runs in jest-expo.
const transform = { "\\.[jt]sx?$": ["babel-jest", { presets: ["babel-preset-expo"] }] };

module.exports = {
  projects: [
    { displayName: "core", testEnvironment: "node", testMatch: ["<rootDir>/src/{core,device}/**/*.test.ts"], transform, transformIgnorePatterns: ["/node_modules/(?!(idb)/)"] },
    { displayName: "ui", preset: "jest-expo", testMatch: ["<rootDir>/src/ui/**/*.test.{ts,tsx}"] },
  ],
};
