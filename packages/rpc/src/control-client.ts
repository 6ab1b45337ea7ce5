import * as grpc from "@grpc/grpc-js";
import { CLIENT_OPTIONS } from "./channel-options.ts";
import { fromWireStatus } from "./control-messages.ts";
import type { WorkerStatus } from "./control-service.ts";
import type { WorkerStatus__Output } from "./generated/baton/v1/WorkerStatus.ts";
import { type CallOptions, callUnary } from "./outgoing-call.ts";
import { WorkerControl } from "./proto.ts";

/** Any worker as operators and tests see it. */
export interface ControlClient {
  /** What the worker holds at this moment. @throws BatonError */
  status(options: CallOptions): Promise<WorkerStatus>;
  /** Closes the connection once running calls have ended. */
  close(): void;
}

/** A client of the worker at `host:port`; it connects with the first call. */
export function createControlClient(address: string): ControlClient {
  const client = new WorkerControl(address, grpc.credentials.createInsecure(), CLIENT_OPTIONS);
  const action = `get the status of worker "${address}"`;
  return {
    async status(options) {
      const message = await callUnary<WorkerStatus__Output>(action, options, (callback) =>
        client.getStatus({}, callback),
      );
      return fromWireStatus(message);
    },
    close: () => client.close(),
  };
}
