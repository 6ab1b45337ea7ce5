/** Names of models on the hub. */

/** `org/name`, optionally with a revision. */
export interface ModelId {
  /** `org/name` */
  readonly name: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

const PATTERN = /^(?<name>[\w-][\w.-]*\/[\w-][\w.-]*)(?:@(?<revision>[\w-][\w./-]*))?$/;
const DEFAULT_REVISION = "main";

/** Reads `org/name` or `org/name@revision`; undefined when the text is neither. */
export function parseModelId(text: string): ModelId | undefined {
  const groups = PATTERN.exec(text)?.groups;
  if (!groups?.name || groups.revision?.includes("..")) return undefined;
  return { name: groups.name, revision: groups.revision ?? DEFAULT_REVISION };
}
