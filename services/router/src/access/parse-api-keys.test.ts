import { describe, expect, test } from "@jest/globals";
import { bearerToken, findKey } from "./api-key.ts";
import { parseApiKeys } from "./parse-api-keys.ts";

describe("parseApiKeys", () => {
  test("reads keys separated by commas or lines, and what follows each", () => {
    const keys = parseApiKeys(
      "sk-a, sk-b== name=search\n\n# of the batch jobs\nsk-c  name=batch requests-per-minute=60 tokens-per-minute=5000 concurrent=2\r\n",
    );
    expect(keys.map(({ name, limits }) => ({ name, limits }))).toEqual([
      { name: "key-1", limits: {} },
      { name: "search", limits: {} },
      { name: "batch", limits: { requestsPerMinute: 60, tokensPerMinute: 5000, concurrent: 2 } },
    ]);
    expect(findKey(keys, "sk-b==")?.name).toBe("search");
  });

  test("keeps no key as it is", () => {
    expect(JSON.stringify(parseApiKeys("sk-secret name=a"))).not.toContain("sk-secret");
  });

  test.each([
    ["\n# nothing\n", "there is no key in it"],
    ["sk-a,sk b", "key 2: there is a word that is unknown"],
    ["s€cret", "key 1: it has characters that no bearer token may have"],
    ["sk-a name=", 'key 1: "name" has to be 1 to 64 letters'],
    ["sk-a concurrent=0", 'key 1: "concurrent" has to be a whole number, 1 or more'],
    ["sk-a tokens-per-minute=1e9", 'key 1: "tokens-per-minute" has to be'],
    ["sk-a rate=5", "key 1: there is a word that is unknown, expected name=, requests-per-minute="],
    ["sk-a,sk-b,sk-a", "key 3: its key is that of key 1 too"],
    ["sk-a name=x,sk-b name=x", "key 2: its name is that of key 1 too"],
  ])("refuses %j", (text, problem) => {
    expect(() => parseApiKeys(text)).toThrow(problem);
  });

  test("shows no key in a problem", () => {
    const text = "swordfish=1= bad=swordfish, sw€rdfish, swordfish name=€swordfish";
    expect(() => parseApiKeys(text)).toThrow("key 1");
    expect(() => parseApiKeys(text)).not.toThrow(/sw.rdfish/);
  });
});

describe("bearerToken", () => {
  test("reads the token of a bearer header, however it is spelt", () => {
    expect(bearerToken("Bearer sk-a")).toBe("sk-a");
    expect(bearerToken("bearer   sk-a ")).toBe("sk-a");
  });

  test.each([undefined, "", "Bearer", "Bearer ", "Basic c2s=", "Bearer a b"])(
    "finds none in %j",
    (header) => {
      expect(bearerToken(header)).toBeUndefined();
    },
  );
});

test("findKey() knows a key only as a whole", () => {
  const keys = parseApiKeys("sk-abc,sk-abd");
  expect(findKey(keys, "sk-abd")?.name).toBe("key-2");
  for (const wrong of ["", "sk-ab", "sk-abe", "sk-abcd", "SK-ABC"])
    expect(findKey(keys, wrong)).toBeUndefined();
});
