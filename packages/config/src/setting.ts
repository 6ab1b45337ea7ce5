/**
 * One setting and its kinds. A setting is given by a flag, by an environment variable or not at all; its kind says
 * what text is accepted and what value it becomes.
 */
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ConfigError } from "./config-error.ts";

/** Environment variables by name. An empty one counts as absent, as OpenTelemetry defines it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting as the reader and the help see it; `T` is the type of its value. */
export interface Setting<T> {
  /** Flag without its dashes; a bare secret has none, since flags show in process lists. */
  readonly flag: string | undefined;
  /** One letter that stands for the flag: `-o`. */
  readonly short: string | undefined;
  /** Environment variables, the first that is set wins. */
  readonly env: readonly string[];
  /** For secrets: variables that name a file with the value, one for each of `env`. */
  readonly fileEnv: readonly string[];
  /** What it means and does, with its unit; may have several lines. */
  readonly doc: string;
  /** What is accepted, as a noun: "a port from 0 to 65535". */
  readonly accepts: string;
  /** The default as people read it; undefined where there is none to show. */
  readonly defaultText: string | undefined;
  /** Never printed. */
  readonly secret: boolean;
  /** Its flag stands alone: `--verbose`. */
  readonly toggle: boolean;
  readonly defaultValue: (env: Environment) => T;
  /**
   * The value of a text, or undefined where the text is not accepted.
   * @throws ConfigError where it can say more than what is accepted; never what is in a secret
   */
  readonly parse: (text: string, env: Environment) => T | undefined;
}

/** A default that depends on the machine, and how to print it. */
export interface DerivedDefault<T> {
  readonly shown: string;
  readonly from: (env: Environment) => T;
}

/** What every setting says about itself. At least one of `flag` and `env` is given. */
export interface SettingOptions {
  /** Flag without its dashes. */
  readonly flag?: string;
  /** One letter that stands for the flag. */
  readonly short?: string;
  /** Environment variable, or several of which the first that is set wins. */
  readonly env?: string | readonly string[];
  readonly doc: string;
}

interface WithDefault<T> {
  readonly default: T | DerivedDefault<T>;
}

/** Makes settings of one kind. Without a default the value may be undefined. */
interface SettingKind<T, Extra = unknown> {
  (options: SettingOptions & Extra & WithDefault<T>): Setting<T>;
  (options: SettingOptions & Extra): Setting<T | undefined>;
}

type AnyOptions<T> = SettingOptions & Partial<WithDefault<T>>;

interface Range {
  /** Smallest accepted value. */
  readonly min?: number;
  /** Largest accepted value. */
  readonly max?: number;
}

interface Reading<T> {
  readonly accepts: string;
  readonly parse: (text: string, env: Environment) => T | undefined;
  /** Prints a default; `String` unless given. */
  readonly format?: (value: T) => string;
  readonly secret?: true;
  readonly toggle?: true;
}

type Scalar = string | number | boolean;

function build<T extends Scalar>(options: AnyOptions<T>, reading: Reading<T>): Setting<T> {
  const { default: given } = options;
  const { format = String } = reading;
  const derived = typeof given === "object" ? given : undefined;
  // Where no default is given, `value` is undefined; the second signature of SettingKind says so to the caller.
  const value = given as T;
  const env = typeof options.env === "string" ? [options.env] : (options.env ?? []);
  return {
    flag: options.flag,
    short: options.short,
    env,
    fileEnv: reading.secret ? env.map((name) => `${name}_FILE`) : [],
    doc: options.doc,
    accepts: reading.accepts,
    defaultText: derived ? derived.shown : given === undefined ? undefined : format(value),
    secret: reading.secret ?? false,
    toggle: reading.toggle ?? false,
    defaultValue: derived ? derived.from : () => value,
    parse: reading.parse,
  };
}

const integerBetween =
  ({ min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER }: Range) =>
  (text: string): number | undefined => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  };

function acceptedRange(noun: string, { min, max }: Range): string {
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`;
  if (min !== undefined) return `${noun}, ${min} or more`;
  return max === undefined ? noun : `${noun}, ${max} or less`;
}

const BYTE_UNITS = { GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10, B: 1 } as const;

/** Bytes of a text such as "256MiB", "64 KiB" or "1048576". */
function parseBytes(text: string): number | undefined {
  const match = /^(\d+) ?(GiB|MiB|KiB|B)?$/.exec(text);
  if (!match) return undefined;
  const bytes = Number(match[1]) * BYTE_UNITS[(match[2] ?? "B") as keyof typeof BYTE_UNITS];
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

function formatBytes(bytes: number): string {
  for (const [unit, size] of Object.entries(BYTE_UNITS)) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

function parseUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "http:" || url?.protocol === "https:" ? text : undefined;
}

/** An absolute path; a leading `~` is the user's home. */
function parsePath(text: string, env: Environment): string {
  const home = env.HOME || homedir();
  return text === "~" || text.startsWith("~/") ? join(home, text.slice(1)) : resolve(text);
}

/** `host:port`; an IPv6 host is in brackets. */
function parseReadable(text: string, env: Environment): string {
  const path = parsePath(text, env);
  try {
    if (statSync(path).isFile()) {
      accessSync(path, constants.R_OK);
      return path;
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ConfigError([`the file "${text}" cannot be read (${code}), expected one that can`]);
  }
  throw new ConfigError([`"${text}" is no file, expected one that can be read`]);
}

function parseAddress(text: string): string | undefined {
  const match = /^(\[[^\]]+\]|[^:\s]+):(\d+)$/.exec(text);
  const port = Number(match?.[2]);
  return port >= 1 && port <= 65_535 ? text : undefined;
}

const parseText = (text: string): string | undefined => (text === "" ? undefined : text);

const parseToggle = (text: string): boolean | undefined =>
  text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : undefined;

const port: SettingKind<number> = (options: AnyOptions<number>) => {
  const range = { min: 0, max: 65_535 };
  return build(options, { accepts: acceptedRange("a port", range), parse: integerBetween(range) });
};

const integer: SettingKind<number, Range> = (options: AnyOptions<number> & Range) =>
  build(options, { accepts: acceptedRange("a whole number", options), parse: integerBetween(options) });

/** How many of something are kept; "off" is 0. */
const quota: SettingKind<number, Range> = (options: AnyOptions<number> & Range) => {
  const range = { ...options, min: 1 };
  const parse = integerBetween(range);
  return build(options, {
    accepts: `"off", or ${acceptedRange("a whole number", range)}`,
    parse: (text) => (text === "off" ? 0 : parse(text)),
    format: (value) => (value === 0 ? "off" : String(value)),
  });
};

/** Node's timers overflow above 2^31 - 1 ms. */
const milliseconds: SettingKind<number> = (options: AnyOptions<number>) => {
  const range = { min: 0, max: 2 ** 31 - 1 };
  return build(options, { accepts: acceptedRange("milliseconds", range), parse: integerBetween(range) });
};

const bytes: SettingKind<number> = (options: AnyOptions<number>) =>
  build(options, {
    accepts: 'bytes, for example "256MiB" (units B, KiB, MiB, GiB)',
    parse: parseBytes,
    format: formatBytes,
  });

const text: SettingKind<string> = (options: AnyOptions<string>) =>
  build(options, { accepts: "a text", parse: parseText });

const folder: SettingKind<string> = (options: AnyOptions<string>) =>
  build(options, { accepts: "a folder", parse: parsePath });

const file: SettingKind<string> = (options: AnyOptions<string>) =>
  build(options, { accepts: "a file", parse: parsePath });

/** A file that is there and can be read when the program starts, for those who will read it later and say less. */
const readableFile: SettingKind<string> = (options: AnyOptions<string>) =>
  build(options, { accepts: "a file that can be read", parse: parseReadable });

const address: SettingKind<string> = (options: AnyOptions<string>) =>
  build(options, { accepts: 'an address such as "127.0.0.1:8001"', parse: parseAddress });

const url: SettingKind<string> = (options: AnyOptions<string>) =>
  build(options, { accepts: 'a URL such as "http://127.0.0.1:4317"', parse: parseUrl });

/** Choices are texts or numbers; the value has the type of the choice. */
function choice<const C extends string | number>(
  options: SettingOptions & { readonly choices: readonly C[] } & WithDefault<C>,
): Setting<C> {
  return build<C>(options, {
    accepts: `one of ${options.choices.join(", ")}`,
    parse: (value) => options.choices.find((candidate) => String(candidate) === value),
  });
}

/** Several of some choices, separated by commas: "request,engine". */
function choices<const C extends string>(
  options: SettingOptions & { readonly choices: readonly C[] } & { readonly default: readonly C[] },
): Setting<readonly C[]> {
  const text = build<string>(
    { ...options, default: options.default.join(",") },
    {
      accepts: `any of ${options.choices.join(", ")}, separated by commas`,
      parse: (value) =>
        value.split(",").every((part) => options.choices.includes(part.trim() as C)) ? value : undefined,
    },
  );
  const split = (value: string) => value.split(",").map((part) => part.trim() as C);
  return {
    ...text,
    defaultValue: (env) => split(text.defaultValue(env)),
    parse: (value, env) => {
      const accepted = text.parse(value, env);
      return accepted === undefined ? undefined : split(accepted);
    },
  };
}

/** Several texts, separated by commas; none unless given. */
function texts(options: SettingOptions): Setting<readonly string[]> {
  const text = build<string>(options, { accepts: "texts separated by commas", parse: parseText });
  const split = (value: string) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== "");
  return { ...text, defaultValue: () => [], parse: (value) => split(value) };
}

/** A share, from 0 to 1. */
const ratio: SettingKind<number> = (options: AnyOptions<number>) =>
  build(options, {
    accepts: "a number from 0 to 1",
    parse: (text) => {
      const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= 0 && value <= 1 ? value : undefined;
    },
  });

/** A number that may have a fraction. */
const decimal: SettingKind<number, Range> = (options: AnyOptions<number> & Range) =>
  build(options, {
    accepts: acceptedRange("a number", options),
    parse: (text) => {
      const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
      return value >= (options.min ?? 0) && value <= (options.max ?? Number.MAX_VALUE) ? value : undefined;
    },
  });

/** A switch, off unless given: `--verbose`, `--verbose=false`, `NAME=1`. */
function toggle(options: SettingOptions): Setting<boolean> {
  return build<boolean>(
    { ...options, default: false },
    { accepts: "true or false", parse: parseToggle, toggle: true },
  );
}

/** Read from the environment, or a file that it names, and never printed; undefined when absent. */
function secret(options: Omit<SettingOptions, "flag">): Setting<string | undefined> {
  return build<string>(options, { accepts: "a text", parse: parseText, secret: true });
}

/** A secret that has a form, undefined when absent: `parse` throws a ConfigError that says what is wrong, and shows nothing of it. */
function secretForm<T extends object>(
  options: Omit<SettingOptions, "flag"> & {
    readonly accepts: string;
    readonly parse: (text: string) => T;
  },
): Setting<T | undefined> {
  const { accepts, parse, ...rest } = options;
  const text = build<string>(rest, { accepts, parse: parseText, secret: true });
  return { ...text, defaultValue: () => undefined, parse };
}

/** A URL of one of some schemes that may hold a password, and so is never printed; undefined when absent. */
function secretUrl(
  options: SettingOptions & { readonly schemes: readonly string[]; readonly example: string },
): Setting<string | undefined> {
  return build<string>(options, {
    accepts: `a URL such as "${options.example}"`,
    parse: (text) => (options.schemes.some((scheme) => text.startsWith(`${scheme}://`)) ? text : undefined),
    secret: true,
  });
}

/** The kinds of settings. */
export const setting = {
  port,
  integer,
  quota,
  milliseconds,
  bytes,
  text,
  folder,
  file,
  readableFile,
  address,
  url,
  choice,
  choices,
  texts,
  ratio,
  decimal,
  toggle,
  secret,
  secretForm,
  secretUrl,
} as const;
