/** JSON schemas as grammars, walked at random by the library that enforces them: what comes out is valid. */

import { jsonSchemaGrammar } from "@baton/grammar";
import { afterAll, expect, test } from "@jest/globals";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { loadXGrammar } from "./load-xgrammar.ts";

const WALK_LIMIT = 3000;
const { TokenizerInfo, GrammarCompiler, GrammarMatcher } = loadXGrammar(() => {});
const STOP = 256;
const bytes = Array.from({ length: STOP + 1 }, (_, id) => (id < STOP ? Uint8Array.of(id) : new Uint8Array()));
const info = TokenizerInfo.createTokenizerInfo(bytes as unknown as string[], "raw", false, bytes.length, []);
const compiler = info.then((vocabulary) => GrammarCompiler.createGrammarCompiler(vocabulary, false));
const ajv = new Ajv2020({ strict: false });
(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);

afterAll(async () => (await compiler).dispose());

/** A text of the grammar; where it is long, the walk turns to what ends it. */
async function walk(grammar: string, random: () => number): Promise<string> {
  const compiled = await (await compiler).compileGrammar(grammar);
  const matcher = await GrammarMatcher.createGrammarMatcher(compiled, STOP);
  const text: number[] = [];
  while (text.length < WALK_LIMIT) {
    const mask = await matcher.getNextTokenBitmask();
    const allowed = bytes.keys().filter((id) => ((mask[id >> 5]! >>> (id & 31)) & 1) === 1);
    const choices = [...allowed];
    const closing =
      text.length > 60 ? choices.filter((id) => id !== STOP && '"]}'.includes(String.fromCharCode(id))) : [];
    const from = choices.includes(STOP) && text.length > 60 ? [STOP] : closing.length > 0 ? closing : choices;
    const id = from[Math.floor(random() * from.length)]!;
    expect(matcher.acceptToken(id)).toBe(true);
    if (matcher.isTerminated()) break;
    text.push(id);
  }
  const isComplete = matcher.isTerminated();
  matcher.dispose();
  compiled.dispose();
  expect(isComplete).toBe(true);
  return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(text));
}

const SCHEMAS: Readonly<Record<string, object | boolean>> = {
  "a person": {
    type: "object",
    properties: { name: { type: "string" }, age: { type: "integer", minimum: 3, maximum: 130 } },
    required: ["name", "age"],
    additionalProperties: false,
  },
  "optional properties": {
    type: "object",
    properties: { a: { type: "null" }, b: { type: "boolean" }, c: { type: "number" } },
    required: ["b"],
  },
  "keys that JSON escapes": {
    type: "object",
    properties: { 'a\n"\\é😀': { const: 'x"\n\\' } },
    required: ['a\n"\\é😀'],
  },
  "a required property that is not described": { type: "object", required: ["z"] },
  "a map": { type: "object", additionalProperties: { type: "integer" } },
  "bounded strings": {
    type: "array",
    items: { type: "string", minLength: 2, maxLength: 4 },
    minItems: 2,
    maxItems: 5,
  },
  "a tuple": {
    type: "array",
    prefixItems: [{ type: "integer" }, { type: "string" }],
    items: false,
    minItems: 2,
  },
  "an empty array": { type: "array", maxItems: 0 },
  "several types": { type: ["string", "null", "integer"] },
  "a union": {
    anyOf: [
      { type: "string", maxLength: 3 },
      { type: "object", properties: {} },
    ],
  },
  "a union by a constant": {
    oneOf: [
      {
        type: "object",
        properties: { kind: { const: "a" }, n: { type: "integer" } },
        required: ["kind", "n"],
      },
      { type: "object", properties: { kind: { const: "b" } }, required: ["kind"] },
    ],
  },
  "a schema that contains itself": {
    $ref: "#/$defs/node",
    $defs: {
      node: {
        type: "object",
        properties: {
          value: { type: "integer" },
          next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
        },
        required: ["value", "next"],
      },
    },
  },
  enums: { enum: [1, "two", null, { three: [3] }, -4.5] },
  "a pattern": { type: "string", pattern: '^[a-z"\\\\]{1,3}-(\\d+|\\w{2}|[^x]|.)\\n?$' },
  "decimals in bounds": { type: "number", minimum: -1.25, exclusiveMaximum: 10.5 },
  "the bounds of safe integers": {
    type: "integer",
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
  },
  "numbers below zero": { type: "number", exclusiveMinimum: -3, exclusiveMaximum: 0 },
  "numbers from 0 to 1": { type: "number", minimum: 0, maximum: 1 },
  anything: true,
  ...Object.fromEntries(
    ["date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"].map(
      (format) => [`the format ${format}`, { type: "string", format }],
    ),
  ),
};

test.each(Object.entries(SCHEMAS))("every answer is valid in the schema: %s", async (_, schema) => {
  const grammar = jsonSchemaGrammar(schema, "schema");
  const validate = ajv.compile(schema);
  await fc.assert(
    fc.asyncProperty(
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      async (randoms) => {
        const text = await walk(grammar, () => randoms.next().value as number);
        const value: unknown = JSON.parse(text);
        expect({ text, valid: validate(value), errors: validate.errors }).toMatchObject({ valid: true });
      },
    ),
    { numRuns: 25 },
  );
});

test("any JSON object is an object", async () => {
  let state = 1;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const value: unknown = JSON.parse(await walk(jsonSchemaGrammar({ type: "object" }, "schema"), random));
  expect(ajv.validate({ type: "object" }, value)).toBe(true);
});

test("integers in bounds are exactly those between them", () => {
  fc.assert(
    fc.property(fc.integer({ min: -2000, max: 2000 }), fc.nat(300), (minimum, span) => {
      const maximum = minimum + span;
      const grammar = jsonSchemaGrammar({ type: "integer", minimum, maximum }, "schema");
      const matches = new RegExp(`^(${asPattern(grammar)})$`);
      for (let n = minimum - 120; n <= maximum + 120; n++) {
        expect([n, matches.test(String(n))]).toEqual([n, n >= minimum && n <= maximum]);
      }
    }),
    { numRuns: 60 },
  );
});

/** A grammar of digits alone, as a regular expression. */
function asPattern(grammar: string): string {
  const body = grammar.split("\n")[0]!.replace(/^\w+ ::= /, "");
  return body.replaceAll(/"([^"]*)"/g, "$1").replaceAll(" ", "");
}
