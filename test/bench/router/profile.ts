/**
 * Where a process spends its processor time, by package: a summary of what `--cpu-prof` writes. What Node and the engine
 * do for a package is the package's; the rest (garbage collection, promises, sockets' events) goes under their names.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

interface ProfileNode {
  readonly id: number;
  readonly children?: readonly number[];
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
  const parents = parentsOf(profile);
  return {
    modules: sharesBy(profile, (node) => ownerOf(node, parents)),
    functions: sharesBy(profile, functionOf),
  };
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

type Parents = ReadonlyMap<number, ProfileNode>;

function parentsOf({ nodes }: CpuProfile): Parents {
  const parents = new Map<number, ProfileNode>();
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node);
  return parents;
}

/** The package that the function is part of, or that it works for. */
function ownerOf(node: ProfileNode, parents: Parents): string {
  let outermost = node;
  for (let at: ProfileNode | undefined = node; at; at = parents.get(at.id)) {
    const owner = packageOf(at);
    if (owner) return owner;
    if (at.callFrame.functionName !== "(root)") outermost = at;
  }
  return outermost.callFrame.url === "" ? outermost.callFrame.functionName : "node";
}

function packageOf({ callFrame: { url } }: ProfileNode): string | undefined {
  return (
    /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ??
    /\/((?:packages|services)\/[^/]+)\//.exec(url)?.[1]
  );
}

function functionOf(node: ProfileNode): string {
  const { functionName, url } = node.callFrame;
  return `${functionName || "(anonymous)"} ${url.split("/").slice(-2).join("/")}`;
}
