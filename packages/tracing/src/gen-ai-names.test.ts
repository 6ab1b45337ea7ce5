import { expect, test } from "@jest/globals";
import { genAiNames } from "./gen-ai-names.ts";
import { ATTR } from "./names.ts";

const attributes = { [ATTR.promptTokens]: 7, [ATTR.cachedTokens]: 3, [ATTR.responseModel]: "m" };

test("today's names stand beside the seed's", () => {
  expect(genAiNames()(attributes)).toEqual({
    ...attributes,
    "gen_ai.usage.input_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 3,
  });
});

test("or in their place, where that is asked for", () => {
  expect(genAiNames(["http", "gen_ai_latest_experimental"])(attributes)).toEqual({
    "gen_ai.usage.input_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 3,
    [ATTR.responseModel]: "m",
  });
});
