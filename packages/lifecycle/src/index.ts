export { EXIT_CODE, type ReadyMessage } from "./contract.ts";
export { type RunOptions, runService, type Service } from "./run-service.ts";
export { valueOrExit } from "./value-or-exit.ts";
