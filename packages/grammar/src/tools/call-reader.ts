/**
 * Owns one call as models write it, `{"name": …, "arguments": {…}}`, read as it comes in pieces of any size. Arguments are
 * handed on as they are written, from when the name is known.
 */
import { JsonScanner } from "./json-scanner.ts";

/** What is found in the text of an answer. */
export type CallEvent =
  /** Text that is no call. */
  | { readonly type: "text"; readonly text: string }
  /** A call begins; calls are counted from 0. */
  | { readonly type: "call"; readonly call: number; readonly name: string }
  /** Goes on with the arguments of the call that began last: JSON, in pieces. */
  | { readonly type: "arguments"; readonly call: number; readonly text: string };

/** What models call the arguments. */
const ARGUMENTS: ReadonlySet<string> = new Set(["arguments", "parameters"]);

/** Reads one call. */
export class CallReader {
  readonly #call: number;
  readonly #scanner = new JsonScanner();
  #raw = "";
  #name: string | undefined;
  /** Arguments that came before the name. */
  #early = "";
  #hasArguments = false;
  /** Arguments as a string with JSON in it, which some models write. */
  #quoted: string | undefined;

  constructor(call: number) {
    this.#call = call;
  }

  /** The object is complete. */
  get complete(): boolean {
    return this.#scanner.state === "complete";
  }

  /** What was read is no call: it is no JSON object, or one without a name. */
  get broken(): boolean {
    const { state } = this.#scanner;
    return state === "broken" || (state === "complete" && this.#name === undefined);
  }

  /** All that was read. */
  get raw(): string {
    return this.#raw;
  }

  /** Whether the call has been told of. */
  get begun(): boolean {
    return this.#name !== undefined;
  }

  /** Reads one character. */
  push(character: string): readonly CallEvent[] {
    this.#raw += character;
    const { member, value } = this.#scanner.push(character);
    if (value === undefined) return this.complete ? this.#end() : [];
    if (member === "name") return this.#onName(value.text, value.ended);
    if (member !== undefined && ARGUMENTS.has(member)) return this.#onArguments(value.text, value.ended);
    return [];
  }

  #nameText = "";

  #onName(text: string, ended: boolean): readonly CallEvent[] {
    this.#nameText += text;
    if (!ended || this.#name !== undefined) return [];
    const name = parsed(this.#nameText);
    if (typeof name !== "string") return [];
    this.#name = name;
    return [{ type: "call", call: this.#call, name }, ...this.#send(this.#early)];
  }

  #onArguments(text: string, ended: boolean): readonly CallEvent[] {
    if (!this.#hasArguments) this.#quoted = text.startsWith('"') ? "" : undefined;
    this.#hasArguments = true;
    if (this.#quoted === undefined) return this.#argumentText(text);
    this.#quoted += text;
    if (!ended) return [];
    const value = parsed(this.#quoted);
    return this.#argumentText(typeof value === "string" ? value : this.#quoted);
  }

  #argumentText(text: string): readonly CallEvent[] {
    if (this.#name !== undefined) return this.#send(text);
    this.#early += text;
    return [];
  }

  #end(): readonly CallEvent[] {
    return this.#hasArguments || this.#name === undefined ? [] : this.#send("{}");
  }

  #send(text: string): readonly CallEvent[] {
    return text === "" ? [] : [{ type: "arguments", call: this.#call, text }];
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
