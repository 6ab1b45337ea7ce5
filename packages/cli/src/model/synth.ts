/** `baton model synth`: a checkpoint with random weights in the shape of a real model, for load tests and benchmarks. */
import { configOrExit, defineSettings, setting } from "@baton/config";
import { EXIT_CODE } from "@baton/lifecycle";
import { SYNTH_SHAPES, writeSynthCheckpoint } from "@baton/model";
import { print } from "../command.ts";

const MIB = 2 ** 20;

export const synthSettings = defineSettings("baton model synth", {
  shape: setting.choice({
    flag: "shape",
    choices: Object.keys(SYNTH_SHAPES) as (keyof typeof SYNTH_SHAPES)[],
    default: "smollm2-135m",
    doc: "Whose shape the checkpoint has; its answers are noise",
  }),
  out: setting.folder({
    flag: "out",
    default: { shown: "./<shape>", from: () => "" },
    doc: "Folder to write; its name is the model's name",
  }),
  seed: setting.integer({
    flag: "seed",
    min: 0,
    max: 2 ** 32 - 1,
    default: 1,
    doc: "The same seed gives the same bytes",
  }),
});

export async function synthModel(argv: readonly string[]): Promise<number> {
  const { shape, out, seed } = configOrExit(synthSettings, argv);
  const folder = out || shape;
  let bytes = 0;
  await writeSynthCheckpoint(folder, {
    config: SYNTH_SHAPES[shape],
    seed,
    onBytes: (more) => {
      bytes += more;
    },
  });
  print(`${Math.round(bytes / MIB)} MiB of random weights in ${folder}; serve them with --model ${folder}`);
  return EXIT_CODE.ok;
}
