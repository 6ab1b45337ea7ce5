export { KvMemory } from "./kv-memory.ts";
