import type { VocabularyRow } from "./vocabulary-row.ts";

/** So many tokens more than are wanted are sorted rather than looked at again from a higher floor. */
const SURPLUS = 256;

/**
 * The ids of the `count` most likely tokens, most likely first, of equal ones the smaller id; fewer if fewer have a logit
 * of at least `lowest`. Looks for a floor above which there are about so many: from the largest logit downwards in
 * doubling steps, and back up by halves.
 */
export function mostLikely(
  row: VocabularyRow,
  count: number,
  { maximum, lowest }: { readonly maximum: number; readonly lowest: number },
): readonly number[] {
  if (count === 0) return [];
  let above = maximum;
  let floor = maximum;
  let ids = row.from(floor);
  for (let reach = 1; ids.length < count && floor > lowest; reach *= 2) {
    above = floor;
    floor = Math.max(Math.fround(maximum - reach), lowest);
    ids = row.from(floor);
  }
  while (ids.length > count + SURPLUS) {
    const middle = Math.fround((floor + above) / 2);
    if (middle <= floor || middle >= above) break; // Many equal ones.
    ids = row.from(middle);
    if (ids.length < count) above = middle;
    else floor = middle;
  }
  const { logits } = row;
  return Array.from(row.from(floor))
    .sort((a, b) => logits[b]! - logits[a]! || a - b)
    .slice(0, count);
}
