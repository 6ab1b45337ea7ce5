/** Where a process spends its processor time, by package: a summary of what `--cpu-prof` writes. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Shares of the busy time, the largest first. */
export type Shares = readonly (readonly [name: string, share: number])[];

/** Reads the largest profile in a folder, which is the main thread's; of its time, the last `lastMs`. */
export async function readProfile(
  folder: string,
  lastMs: number,
): Promise<{ readonly modules: Shares; readonly functions: Shares }> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile"));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), "utf8")));
  const largest = texts.toSorted((a, b) => b.length - a.length)[0];
  if (largest === undefined) throw new Error(`Cannot find a profile in "${folder}"`);
  const profile = lastOf(JSON.parse(largest) as CpuProfile, lastMs);
  return { modules: sharesBy(profile, moduleOf), functions: sharesBy(profile, functionOf) };
}

function lastOf(profile: CpuProfile, lastMs: number): CpuProfile {
  let [first, left] = [profile.samples.length, lastMs * 1000];
  while (first > 0 && left > 0) left -= profile.timeDeltas[--first]!;
  return {
    ...profile,
    samples: profile.samples.slice(first),
    timeDeltas: profile.timeDeltas.slice(first),
  };
}

function sharesBy({ nodes, samples, timeDeltas }: CpuProfile, nameOf: (node: ProfileNode) => string): Shares {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const times = new Map<string, number>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const node = byId.get(id)!;
    if (node.callFrame.functionName === "(idle)") continue;
    const time = timeDeltas[index]!;
    busy += time;
    const name = nameOf(node);
    times.set(name, (times.get(name) ?? 0) + time);
  }
  return [...times].map(([name, time]) => [name, time / busy] as const).sort((a, b) => b[1] - a[1]);
}

/** The package that a function is part of. */
function moduleOf({ callFrame: { functionName, url } }: ProfileNode): string {
  const dependency = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  if (dependency) return dependency;
  const own = /\/((?:packages|services)\/[^/]+)\//.exec(url)?.[1];
  if (own) return own;
  if (url.startsWith("node:"))
    return `node:${
      url
        .slice(5)
        .replace(/^internal\//, "")
        .split("/")[0]
    }`;
  return functionName.startsWith("(") ? functionName : "native and built-in";
}

function functionOf(node: ProfileNode): string {
  const { functionName, url } = node.callFrame;
  return `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}`;
}
