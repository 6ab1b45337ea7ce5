/** How tokenizer_config.json names a token. */

/** The token's text: it stands by itself or as the `content` of an object; undefined when there is none. */
export function tokenText(token: unknown): string | undefined {
  if (typeof token === "string") return token;
  const content = (token as { readonly content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}
