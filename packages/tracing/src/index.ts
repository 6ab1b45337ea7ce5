export type {
  Attributes,
  AttributeValue,
  RequestTracer,
  Stage,
  StageOptions,
  TraceLink,
  TraceNode,
} from "./request-trace.ts";
