import { hashCheckpoint } from "../checkpoint/checkpoint.ts";
import type { WeightFormat } from "../graph/linear/weight-formats.ts";

/**
 * Identity of a model as it is computed: 32 lower-case hex digits for the checkpoint, then the format of the weights
 * unless it is the checkpoint's own precision. Workers hand KV over only between equal identities.
 * @throws BatonError `not_found` or `invalid_argument` when the checkpoint cannot be read.
 */
export async function hashModel(
  folder: string,
  weights: WeightFormat,
  onBytes?: (bytes: number) => void,
): Promise<string> {
  const checkpoint = await hashCheckpoint(folder, onBytes);
  return weights === "fp32" ? checkpoint : `${checkpoint}-${weights}`;
}
