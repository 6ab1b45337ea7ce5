/** From what a setting names to a folder on this machine: the built-in model, a folder, or a model of the hub. */
import { stat } from "node:fs/promises";
import { BatonError } from "@baton/core";
import { DEMO_MODEL_FOLDER } from "./demo/demo-checkpoint.ts";
import { type DownloadProgress, type HubOptions, hubModelFolder } from "./hub/hub-model.ts";
import { parseModelId } from "./hub/model-id.ts";
import { modelName } from "./model-files.ts";

/** Which model, and where models come from. */
export interface ModelSource extends HubOptions {
  /** `demo`, a folder, `org/name` or `org/name@revision`. */
  readonly model: string;
}

/** A model on this machine. */
export interface ResolvedModel {
  /** What clients call it: `org/name` for a model of the hub, else the name of the folder. */
  readonly name: string;
  readonly folder: string;
}

/**
 * Finds a model, and downloads it if it must. A folder counts more than a model of the same name on the hub.
 * @throws BatonError `not_found`, `permission_denied` or `unavailable`, saying what to do.
 */
export async function resolveModel(
  source: ModelSource,
  onProgress?: (progress: DownloadProgress) => void,
): Promise<ResolvedModel> {
  const { model } = source;
  if (model === "demo") return inFolder(DEMO_MODEL_FOLDER);
  if (await isFolder(model)) return inFolder(model);
  const id = parseModelId(model);
  if (!id) {
    throw new BatonError(
      "not_found",
      `Cannot use model "${model}": there is no such folder, and it is no name on the hub such as "org/name"`,
    );
  }
  return { name: id.name, folder: await hubModelFolder(id, source, onProgress) };
}

function inFolder(folder: string): ResolvedModel {
  return { name: modelName(folder), folder };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
