/** Memory and functions of the WebAssembly modules that lie here. */

/** What is used of WebAssembly: Node's types leave it out, those of browsers bring a whole browser. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

const PAGE_BYTES = 65_536;

/** At least so many bytes, all zero. */
export function newWasmMemory(bytes: number): WasmMemory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
}

/** The functions of a module over a memory. @param base64 a module of generated/ */
export function wasmFunctions(base64: string, memory: WasmMemory): unknown {
  const module = new WebAssembly.Module(Buffer.from(base64, "base64"));
  return new WebAssembly.Instance(module, { engine: { memory } }).exports;
}
