/** The architectures that the compiler can build graphs for. */
import type { Architecture } from "./architecture.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

const ARCHITECTURES: readonly Architecture[] = [llama, mistral, qwen2, qwen3];

/** Their names, as in `architectures` of config.json. */
export const SUPPORTED_ARCHITECTURES: readonly string[] = ARCHITECTURES.map(({ name }) => name);

/** The architecture of this name, if it is supported. */
export function findArchitecture(name: string): Architecture | undefined {
  return ARCHITECTURES.find((architecture) => architecture.name === name);
}
