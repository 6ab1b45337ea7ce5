/** The built-in model: a small one, trained for Baton, that is part of the repository (see demo-model/README.md). */
import { fileURLToPath } from "node:url";

/** The model's folder, which is called as the model is. */
export const DEMO_MODEL_FOLDER = fileURLToPath(new URL("../../demo-model/baton-demo", import.meta.url));
