import { readFileSync } from "node:fs";

/** How Linux calls the instructions that add products of bytes in 32 bits. */
const VNNI_FLAGS: ReadonlySet<string> = new Set(["avx512_vnni", "avx_vnni"]);

/**
 * Whether ONNX Runtime's fastest kernels for 8 bits are exact on this processor. Those for x64 without VNNI add pairs of
 * products in 16 bits, which overflows. False where the system does not say.
 */
export function hasExactByteProducts(readCpuInfo = () => readFileSync("/proc/cpuinfo", "utf8")): boolean {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readCpuInfo())?.[1] ?? "";
    return flags.split(" ").some((flag) => VNNI_FLAGS.has(flag));
  } catch {
    return false; // Not Linux.
  }
}
