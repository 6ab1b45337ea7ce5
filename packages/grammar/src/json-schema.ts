/**
 * Owns the way from a JSON schema to a grammar. Every answer of the grammar is valid in the schema. The other way round
 * it leaves some out: properties come in the schema's order, those that it does not name are not written, and see
 * `json-rules.ts` for how values are written.
 *
 *   J1  No keyword is ignored: each restricts the grammar, is an annotation, or is refused with its place.
 *   J2  Work and size are bounded: by the nesting of the schema, and by the length of the grammar.
 */
import { anyOf, type GrammarRules } from "./grammar-rules.ts";
import {
  anyBoolean,
  anyInteger,
  anyNumber,
  anyObject,
  anyString,
  anyValue,
  arrayOf,
  boundedString,
  exactly,
  mapBody,
} from "./json-rules.ts";
import { integerRange, type NumberBounds, numberRange } from "./number-range.ts";
import { schemaError } from "./schema-error.ts";
import { STRING_FORMATS } from "./string-format.ts";
import { patternString } from "./string-pattern.ts";

type Schema = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 64;
/** Most that a counting keyword may ask for: each count is a state of the grammar. */
const MAX_COUNT = 10_000;

/** Say something about a value, and allow or forbid none. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "example",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
type Type = (typeof TYPES)[number];

const KEYWORDS: Readonly<Record<Type, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "pattern", "format"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  boolean: [],
  null: [],
};

/**
 * The expression of JSON texts that are valid in `schema`.
 * @param path of the schema in the request, for errors
 * @throws BatonError `invalid_argument` that names the place of what is wrong or not supported
 */
export function jsonSchemaExpression(rules: GrammarRules, schema: unknown, path: string): string {
  return new SchemaReader(rules, schema, path).read(schema, path, 0);
}

class SchemaReader {
  readonly #rules: GrammarRules;
  readonly #root: unknown;
  readonly #rootPath: string;
  /** Rules of schemas that were referred to. */
  readonly #references = new Map<string, string>();

  constructor(rules: GrammarRules, root: unknown, rootPath: string) {
    this.#rules = rules;
    this.#root = root;
    this.#rootPath = rootPath;
  }

  read(schema: unknown, path: string, depth: number): string {
    if (depth > MAX_DEPTH) throw schemaError(path, `it is nested deeper than ${MAX_DEPTH} schemas`);
    if (schema === true) return anyValue(this.#rules);
    if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
      throw schemaError(path, `got ${JSON.stringify(schema)}, expected a schema that something is valid in`);
    }
    const fields = schema as Schema;
    const keys = Object.keys(fields).filter((key) => !ANNOTATIONS.has(key));
    if (keys.includes("$ref")) return this.#reference(fields, keys, path, depth);
    if (keys.includes("const")) return this.#values([fields.const], fields, keys, "const", path);
    if (keys.includes("enum"))
      return this.#values(list(fields.enum, `${path}.enum`), fields, keys, "enum", path);
    for (const union of ["anyOf", "oneOf", "allOf"] as const) {
      if (keys.includes(union)) return this.#union(union, fields, keys, path, depth);
    }
    const types = typesOf(fields, keys, path);
    if (types === undefined) return anyValue(this.#rules);
    assertOnly(keys, ["type", ...types.flatMap((type) => KEYWORDS[type])], path);
    return anyOf(types.map((type) => this.#typed(type, fields, path, depth)));
  }

  #typed(type: Type, schema: Schema, path: string, depth: number): string {
    switch (type) {
      case "object":
        return this.#object(schema, path, depth);
      case "array":
        return this.#array(schema, path, depth);
      case "string":
        return this.#string(schema, path);
      case "number":
      case "integer":
        return this.#number(type, schema, path);
      case "boolean":
        return anyBoolean();
      case "null":
        return '"null"';
    }
  }

  /** One rule for each schema that is referred to, so that a schema may contain itself. */
  #reference(schema: Schema, keys: readonly string[], path: string, depth: number): string {
    assertOnly(keys, ["$ref"], path);
    const target = schema.$ref;
    if (typeof target !== "string" || !target.startsWith("#")) {
      throw schemaError(
        `${path}.$ref`,
        `got ${JSON.stringify(target)}, expected a place in this schema, for example "#/$defs/name"`,
      );
    }
    const known = this.#references.get(target);
    if (known !== undefined) return known;
    const name = this.#rules.reserve();
    this.#references.set(target, name);
    this.#rules.define(
      name,
      this.read(
        this.#find(target, path),
        `${this.#rootPath}${target.slice(1).replaceAll("/", ".")}`,
        depth + 1,
      ),
    );
    return name;
  }

  #find(target: string, path: string): unknown {
    let found = this.#root;
    for (const part of target.split("/").slice(1)) {
      const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      const isThere = typeof found === "object" && found !== null && Object.hasOwn(found, key);
      if (!isThere) throw schemaError(`${path}.$ref`, `there is no "${target}" in the schema`);
      found = (found as Schema)[key];
    }
    return found;
  }

  #values(
    values: readonly unknown[],
    schema: Schema,
    keys: readonly string[],
    keyword: string,
    path: string,
  ): string {
    assertOnly(keys, [keyword, "type"], path);
    const types = typesOf(schema, keys, path);
    const fitting = types ? values.filter((value) => types.some((type) => isOfType(value, type))) : values;
    if (fitting.length === 0)
      throw schemaError(`${path}.${keyword}`, "it has no value of the type, expected at least one");
    return this.#rules.add(anyOf(fitting.map(exactly)));
  }

  #union(
    keyword: "anyOf" | "oneOf" | "allOf",
    schema: Schema,
    keys: readonly string[],
    path: string,
    depth: number,
  ): string {
    assertOnly(keys, [keyword], path);
    const place = `${path}.${keyword}`;
    const options = list(schema[keyword], place);
    if (options.length === 0) throw schemaError(place, "it is empty, expected at least one schema");
    if (keyword === "allOf" && options.length > 1)
      throw schemaError(place, "it has several schemas, expected one");
    if (keyword === "oneOf" && !areDisjoint(options)) {
      throw schemaError(
        place,
        'its schemas may be valid at once, expected "anyOf", or schemas of different types or with a different "const" in one required property',
      );
    }
    return this.#rules.add(
      anyOf(options.map((option, index) => this.read(option, `${place}[${index}]`, depth + 1))),
    );
  }

  #object(schema: Schema, path: string, depth: number): string {
    const properties = objectOf(schema.properties ?? {}, `${path}.properties`);
    const required = list(schema.required ?? [], `${path}.required`);
    const additional = schema.additionalProperties ?? true;
    const rest = () => this.read(additional, `${path}.additionalProperties`, depth + 1);
    const known = Object.entries(properties).map(([key, value]) => ({
      key,
      value: () => this.read(value, `${path}.properties.${key}`, depth + 1),
      isRequired: required.includes(key),
    }));
    for (const key of required) {
      if (typeof key !== "string") throw schemaError(`${path}.required`, "expected names of properties");
      if (Object.hasOwn(properties, key)) continue;
      if (additional === false)
        throw schemaError(`${path}.required`, `"${key}" is no property, and others are not allowed`);
      known.push({ key, value: rest, isRequired: true });
    }
    if (known.length > 0) return this.#rules.add(this.#entries(known));
    if (
      additional === false ||
      (schema.properties !== undefined && schema.additionalProperties === undefined)
    )
      return '"{}"';
    if (additional === true) return anyObject(this.#rules);
    return this.#rules.add(mapBody(anyString(this.#rules), rest()));
  }

  /** `first` rules are what may follow when nothing has been written yet, `later` ones when a comma comes before. */
  #entries(properties: readonly { key: string; value: () => string; isRequired: boolean }[]): string {
    let first: string | undefined = '""';
    let later = '""';
    for (const { key, value, isRequired } of properties.toReversed()) {
      const entry = `${exactly(key)} ": " ${value()}`;
      const here: string = `${entry} ${later}`;
      const skipFirst: string | undefined = isRequired ? undefined : first;
      first = this.#rules.add(skipFirst === undefined ? here : `${here} | ${skipFirst}`);
      later = this.#rules.add(isRequired ? `", " ${here}` : `", " ${here} | ${later}`);
    }
    return `"{" ${first} "}"`;
  }

  #array(schema: Schema, path: string, depth: number): string {
    const prefix = list(schema.prefixItems ?? [], `${path}.prefixItems`);
    const from = count(schema, "minItems", path) ?? 0;
    const to = count(schema, "maxItems", path);
    if (to !== undefined && to < from)
      throw schemaError(`${path}.maxItems`, `got ${to}, expected at least "minItems", ${from}`);
    const item = () => this.read(schema.items ?? true, `${path}.items`, depth + 1);
    if (prefix.length === 0) {
      if (schema.items === false && from === 0) return '"[]"';
      return arrayOf(this.#rules, item, from, to);
    }
    if (from > prefix.length || (to !== undefined && to < prefix.length)) {
      throw schemaError(
        `${path}.prefixItems`,
        `it has ${prefix.length} schemas, expected "minItems" and "maxItems" to allow for so many items`,
      );
    }
    const items = prefix.map((option, index) =>
      this.read(option, `${path}.prefixItems[${index}]`, depth + 1),
    );
    return this.#rules.add(`"[" ${items.join(' ", " ')} "]"`);
  }

  #string(schema: Schema, path: string): string {
    const from = count(schema, "minLength", path) ?? 0;
    const to = count(schema, "maxLength", path);
    const isBounded = from > 0 || to !== undefined;
    if (to !== undefined && to < from)
      throw schemaError(`${path}.maxLength`, `got ${to}, expected at least "minLength", ${from}`);
    const { pattern, format } = schema;
    if (pattern !== undefined) {
      if (typeof pattern !== "string") throw schemaError(`${path}.pattern`, "expected a string");
      if (isBounded)
        throw schemaError(`${path}.pattern`, 'expected it to be alone, without "minLength" and "maxLength"');
      if (format !== undefined)
        throw schemaError(`${path}.pattern`, 'expected it to be alone, without "format"');
      return this.#rules.add(patternString(this.#rules, pattern, `${path}.pattern`));
    }
    if (format !== undefined) {
      const known = STRING_FORMATS.get(String(format));
      if (known === undefined)
        throw schemaError(
          `${path}.format`,
          `got ${JSON.stringify(format)}, expected ${[...STRING_FORMATS.keys()].map((name) => `"${name}"`).join(" or ")}`,
        );
      if (isBounded)
        throw schemaError(`${path}.format`, 'expected it to be alone, without "minLength" and "maxLength"');
      return this.#rules.add(patternString(this.#rules, known, `${path}.format`));
    }
    return isBounded ? boundedString(this.#rules, from, to) : anyString(this.#rules);
  }

  #number(type: "number" | "integer", schema: Schema, path: string): string {
    const bounds: Record<string, number> = {};
    for (const keyword of KEYWORDS.number) {
      const value = schema[keyword];
      if (value === undefined) continue;
      if (typeof value !== "number") {
        throw schemaError(`${path}.${keyword}`, `got ${JSON.stringify(value)}, expected a number`);
      }
      bounds[keyword] = value;
    }
    if (Object.keys(bounds).length === 0)
      return type === "integer" ? anyInteger(this.#rules) : anyNumber(this.#rules);
    const range =
      type === "integer" ? integerRange(bounds as NumberBounds) : numberRange(bounds as NumberBounds);
    if (range === undefined) throw schemaError(path, `there is no ${type} within its bounds`);
    return this.#rules.add(range);
  }
}

/** The types that a schema allows; undefined for all of them. */
function typesOf(schema: Schema, keys: readonly string[], path: string): readonly Type[] | undefined {
  if (schema.type !== undefined) {
    const types: unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type];
    for (const type of types) {
      if (!TYPES.includes(type as Type))
        throw schemaError(
          `${path}.type`,
          `got ${JSON.stringify(type)}, expected ${TYPES.map((name) => `"${name}"`).join(" or ")}`,
        );
    }
    if (types.length === 0) throw schemaError(`${path}.type`, "it is empty, expected at least one type");
    return types as Type[];
  }
  // Keywords of one type alone allow every value of other types; what is meant is that type.
  const implied = TYPES.filter((type) => KEYWORDS[type].some((keyword) => keys.includes(keyword)));
  if (implied.length > 0) return implied.filter((type) => type !== "integer");
  const stranger = keys.find((key) => key !== "const" && key !== "enum");
  if (stranger !== undefined) throw unsupported(stranger, path);
  return undefined;
}

function isOfType(value: unknown, type: Type): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    default:
      return typeof value === type;
  }
}

/** Whether no value is valid in two of the schemas, as far as it shows: by type, or by a property with a constant. */
function areDisjoint(options: readonly unknown[]): boolean {
  const schemas = options.filter((option): option is Schema => typeof option === "object" && option !== null);
  if (schemas.length < options.length) return false;
  const types = schemas.map(({ type }) => (type === "integer" ? "number" : type));
  if (types.every((type) => typeof type === "string") && new Set(types).size === types.length) return true;
  const keys = Object.keys((schemas[0]?.properties ?? {}) as object);
  return keys.some((key) => {
    const values = schemas.map(({ properties, required }) => {
      const isRequired = Array.isArray(required) && required.includes(key);
      const { const: value } = ((properties as Record<string, Schema> | undefined)?.[key] ?? {}) as Schema;
      return isRequired && value !== undefined ? JSON.stringify(value) : undefined;
    });
    return !values.includes(undefined) && new Set(values).size === values.length;
  });
}

function assertOnly(keys: readonly string[], known: readonly string[], path: string): void {
  const stranger = keys.find((key) => !known.includes(key));
  if (stranger !== undefined) throw unsupported(stranger, path);
}

function unsupported(keyword: string, path: string) {
  return schemaError(`${path}.${keyword}`, "the keyword is not supported here, expected it to be left out");
}

function list(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw schemaError(path, `got ${JSON.stringify(value)}, expected an array`);
}

function objectOf(value: unknown, path: string): Schema {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Schema;
  throw schemaError(path, `got ${JSON.stringify(value)}, expected an object`);
}

function count(schema: Schema, keyword: string, path: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_COUNT)
    return value as number;
  throw schemaError(
    `${path}.${keyword}`,
    `got ${JSON.stringify(value)}, expected an integer from 0 to ${MAX_COUNT}`,
  );
}
