/**
 * The OTLP message that carries spans, in the shape that OTLP/JSON and a decoded protobuf have in common.
 * Fields may be missing, as proto3 allows. Ids are hex text in JSON and bytes in protobuf; 64-bit numbers are texts,
 * enums numbers or their names.
 */

export interface OtlpExport {
  readonly resourceSpans?: readonly OtlpResourceSpans[] | undefined;
}

export interface OtlpResourceSpans {
  readonly resource?: { readonly attributes?: readonly OtlpAttribute[] | undefined } | null | undefined;
  readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] | undefined }[] | undefined;
}

export interface OtlpSpan {
  readonly traceId?: OtlpId | undefined;
  readonly spanId?: OtlpId | undefined;
  readonly traceState?: string | undefined;
  readonly parentSpanId?: OtlpId | undefined;
  readonly name?: string | undefined;
  readonly kind?: number | string | undefined;
  readonly startTimeUnixNano?: OtlpInteger | undefined;
  readonly endTimeUnixNano?: OtlpInteger | undefined;
  readonly attributes?: readonly OtlpAttribute[] | undefined;
  readonly events?: readonly OtlpEvent[] | undefined;
  readonly links?: readonly OtlpLink[] | undefined;
  readonly status?:
    | { readonly message?: string | undefined; readonly code?: number | string | undefined }
    | null
    | undefined;
  readonly flags?: number | undefined;
}

export interface OtlpEvent {
  readonly timeUnixNano?: OtlpInteger | undefined;
  readonly name?: string | undefined;
  readonly attributes?: readonly OtlpAttribute[] | undefined;
}

export interface OtlpLink {
  readonly traceId?: OtlpId | undefined;
  readonly spanId?: OtlpId | undefined;
  readonly attributes?: readonly OtlpAttribute[] | undefined;
}

export interface OtlpAttribute {
  readonly key?: string | undefined;
  readonly value?: OtlpValue | null | undefined;
}

/** One of these is present. */
export interface OtlpValue {
  readonly stringValue?: string | undefined;
  readonly boolValue?: boolean | undefined;
  readonly intValue?: OtlpInteger | undefined;
  readonly doubleValue?: number | string | undefined;
  readonly arrayValue?: { readonly values?: readonly OtlpValue[] | undefined } | null | undefined;
  readonly kvlistValue?: { readonly values?: readonly OtlpAttribute[] | undefined } | null | undefined;
  readonly bytesValue?: Uint8Array | string | undefined;
}

export type OtlpId = Uint8Array | string;
export type OtlpInteger = string | number;
