/** The protocol as loaded from proto/ at run time; its types are generated from the same files. */
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import { service as health } from "grpc-health-check";
import type { ProtoGrpcType as ControlProto } from "./generated/control.ts";
import type { ProtoGrpcType as DecodeProto } from "./generated/decode.ts";
import type { ProtoGrpcType as FeedProto } from "./generated/feed.ts";
import type { ProtoGrpcType as PrefillProto } from "./generated/prefill.ts";
import type { ProtoGrpcType as RegistryProto } from "./generated/registry.ts";
import type { ProtoGrpcType as TraceProto } from "./generated/trace_service.ts";

// What goes wrong reaches us as errors; grpc-js would write it to the console as well.
grpc.setLogVerbosity(grpc.logVerbosity.NONE);

const definition = protoLoader.loadSync(
  [
    ...["prefill", "decode", "control", "feed", "registry"].map((name) => `baton/v1/${name}.proto`),
    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
  ],
  {
    includeDirs: [fileURLToPath(new URL("../../../proto", import.meta.url))],
    longs: String, // 64-bit numbers; the generated types say the same (generate-types.mjs).
    defaults: true,
    oneofs: true,
  },
);

const loaded = grpc.loadPackageDefinition(definition) as unknown as ControlProto &
  DecodeProto &
  FeedProto &
  PrefillProto &
  RegistryProto &
  TraceProto;

/** The client constructors and service definitions of package baton.v1. */
export const { PrefillWorker, DecodeWorker, WorkerControl, WorkerFeed, WorkerRegistry } = loaded.baton.v1;

/** The service that collectors offer, of the OpenTelemetry protocol (OTLP). */
export const { TraceService } = loaded.opentelemetry.proto.collector.trace.v1;

/** The standard health service, grpc.health.v1. */
export const Health = grpc.makeClientConstructor(health, "grpc.health.v1.Health");
