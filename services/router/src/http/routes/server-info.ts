/** `GET /server_info`, as SGLang has it: the router's settings without secrets, its version and its workers. */
import { systemClock, type WorkerRecord } from "@baton/core";
import type { FastifyInstance } from "fastify";
import { workerObject } from "./workers.ts";

export interface ServerInfoParts {
  /** By the names of their variables or flags. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly version: string;
  readonly workers: () => readonly WorkerRecord[];
  /** Epoch ms. */
  readonly startedAt: number;
  readonly requests: () => { readonly running: number; readonly waiting: number };
}

export function addServerInfo(app: FastifyInstance, parts: ServerInfoParts): void {
  app.get("/server_info", { config: { admin: true } }, () => ({
    version: parts.version,
    uptime_s: (systemClock.now() - parts.startedAt) / 1000,
    settings: parts.settings,
    requests: parts.requests(),
    workers: parts.workers().map(workerObject),
  }));
}
