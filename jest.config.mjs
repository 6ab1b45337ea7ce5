/** Sources are ES modules in TypeScript; swc turns them into CommonJS for jest (no flag, faster, no vm modules). */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/packages", "<rootDir>/services", "<rootDir>/test"],
  testMatch: ["**/*.test.ts"],
  modulePathIgnorePatterns: ["/dist/"],
  transform: {
    "\\.(ts|js|mjs)$": [
      "@swc/jest",
      {
        jsc: { target: "es2024", parser: { syntax: "typescript" } },
        module: { type: "commonjs" },
      },
    ],
  },
  // These packages ship ES modules only, so they are transformed like our own sources.
  transformIgnorePatterns: [
    "/node_modules/\\.pnpm/(?!(@huggingface\\+|zod@|fast-check@|pure-rand@|import-in-the-middle@|lru-cache@|ai@|@ai-sdk\\+|@vercel\\+|@workflow\\+|eventsource-parser@))",
  ],
  reporters: ["default", "<rootDir>/test/support/closing-line-reporter.cjs"],
  testTimeout: 30_000,
};
