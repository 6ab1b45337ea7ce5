/** The import rules of the project: rings, owners of dependencies, no cycles. An inner ring never imports an outer one. */
const inside = (...names) => `^(${names.join("|")})/`;
const CORE = "packages/core";
const CONFIG = "packages/config";
const PURE = [
  "packages/grammar",
  "packages/kv-cache",
  "packages/scheduler",
  "packages/tokenizer",
  "packages/routing",
];
const ADAPTERS = [
  "engine",
  "model",
  "kv-transfer",
  "registry",
  "rpc",
  "tracing",
  "metrics",
  "trace-store",
  "worker",
  "lifecycle",
  "tls",
  "cli",
].map((name) => `packages/${name}`);
const SERVICES = ["services/[^/]+"];
const TEST = ["test"];
const tests = "[.]test[.]ts$";

const ring = (name, members, outer) => ({
  name: `ring-${name}`,
  severity: "error",
  comment: `${name} may not import from an outer ring`,
  from: { path: inside(...members) },
  to: { path: inside(...outer) },
});

/** Only files matching `owner` may import `module`. */
const owned = (name, module, owner) => ({
  name: `owner-${name}`,
  severity: "error",
  comment: `${name} has one owner: ${owner}`,
  from: { path: inside("packages", "services"), pathNot: [owner, tests] },
  to: { path: module },
});

module.exports = {
  forbidden: [
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-unresolved",
      severity: "error",
      comment: "the benches' peers are installed only for the bench that compares with them",
      from: { pathNot: "^test/bench/peers/" },
      to: { couldNotResolve: true },
    },
    {
      name: "no-undeclared",
      severity: "error",
      comment: "every import is declared in the importing package's package.json (tests may use the root's)",
      from: { pathNot: [tests, "^test/"] },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
    ring("core", [CORE], [CONFIG, ...PURE, ...ADAPTERS, ...SERVICES, ...TEST]),
    ring("config", [CONFIG], [...PURE, ...ADAPTERS, ...SERVICES, ...TEST]),
    ring("pure", PURE, [CONFIG, ...ADAPTERS, ...SERVICES, ...TEST]),
    ring("adapters", ADAPTERS, [...SERVICES, ...TEST]),
    ring("services", SERVICES, TEST),
    {
      name: "services-apart",
      severity: "error",
      comment: "services talk over the wire, they never import each other",
      from: { path: "^services/([^/]+)/" },
      to: { path: "^services/", pathNot: "^services/$1/" },
    },
    {
      name: "through-the-door",
      severity: "error",
      comment: "a package is imported by its name, through its index, not by a path into its sources",
      from: { path: "^(packages|services)/([^/]+)/" },
      to: { path: "^packages/", pathNot: ["^packages/$2/", "/src/(index|testing)[.]ts$"] },
    },
    {
      name: "pure-ring-is-pure",
      severity: "error",
      comment: "no I/O, threads or OpenTelemetry in the pure ring",
      from: { path: inside(...PURE), pathNot: tests },
      to: { path: ["^(node:)?(fs|net|http|child_process|worker_threads|timers)(/|$)", "@opentelemetry/"] },
    },
    owned("grpc", "node_modules/@grpc/", inside("packages/rpc")),
    owned("onnxruntime", "node_modules/onnxruntime-node", inside("packages/engine")),
    owned(
      "opentelemetry-sdk",
      "node_modules/@opentelemetry/(sdk|exporter|instrumentation)",
      inside("packages/tracing"),
    ),
    owned("prom-client", "node_modules/prom-client", inside("packages/metrics")),
    owned("ioredis", "node_modules/ioredis", "^packages/registry/src/redis/redis-client[.]ts$"),
    owned("pino", "node_modules/pino", inside("packages/tracing")),
    owned("fastify", "node_modules/fastify", inside("services/router")),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/generated/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
    },
  },
};
