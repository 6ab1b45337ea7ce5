/**
 * Owns the way from the text of an answer to calls of tools, piece by piece. However the text is cut, the calls and the
 * joined pieces of arguments are the same.
 *
 *   P1  Nothing that may yet be a call is handed on as text, and nothing that was handed on is taken back.
 *   P2  What looks like a call and turns out to be none, before its name was told, is text as it was written.
 *   P3  White space around calls is no text.
 */
import { type CallEvent, CallReader } from "./call-reader.ts";

/** How a family of models writes its calls; the tokenizer package says which one a model belongs to. */
export type ToolFormat = "hermes" | "llama" | "mistral";

interface Syntax {
  /** What a call, or a list of calls, begins with. */
  readonly open: readonly string[];
  /** What comes after each call, or after the list. */
  readonly close: string;
  /** Whether calls are elements of an array. */
  readonly isList: boolean;
  /** Whether a call may begin anywhere, or only where an answer does. */
  readonly anywhere: boolean;
}

const SYNTAX: Readonly<Record<ToolFormat, Syntax>> = {
  hermes: { open: ["<tool_call>"], close: "</tool_call>", isList: false, anywhere: true },
  llama: { open: ["<|python_tag|>", ""], close: "", isList: false, anywhere: false },
  mistral: { open: ["[TOOL_CALLS]"], close: "", isList: true, anywhere: true },
};

/** Reads one answer. */
export class ToolCallParser {
  readonly #syntax: Syntax;
  /** Text that may be the beginning of a marker, or white space before one. */
  #held = "";
  #call: CallReader | undefined;
  #calls = 0;
  #place: "text" | "call" | "list" | "after" = "text";
  #opened = "";
  #begun = false;

  constructor(format: ToolFormat) {
    this.#syntax = SYNTAX[format];
  }

  /** Calls that began so far. */
  get calls(): number {
    return this.#calls;
  }

  push(text: string): readonly CallEvent[] {
    return joined([...text].flatMap((character) => [...this.#push(character)]));
  }

  /** The answer has ended. */
  flush(): readonly CallEvent[] {
    const rest = this.#call && !this.#call.begun ? this.#opened + this.#call.raw : this.#held;
    this.#call = undefined;
    this.#held = "";
    return rest.trim() === "" && this.#calls > 0 ? [] : asText(rest);
  }

  #push(character: string): readonly CallEvent[] {
    switch (this.#place) {
      case "text":
        return this.#inText(character);
      case "call":
        return this.#inCall(character);
      case "list":
        return this.#inList(character);
      case "after":
        return this.#afterCall(character);
    }
  }

  #inText(character: string): readonly CallEvent[] {
    this.#held += character;
    const { open, anywhere } = this.#syntax;
    const marker = this.#held.trimStart();
    if (!anywhere) return this.#atStart(marker);
    const [tag] = open;
    if (marker.endsWith(tag!)) {
      const before = this.#held.slice(0, -tag!.length);
      return [...this.#text(before.trimEnd()), ...this.#open(tag!)];
    }
    return this.#release(heldBack(this.#held, tag!));
  }

  /** A call is the whole answer or none of it. */
  #atStart(marker: string): readonly CallEvent[] {
    if (this.#begun) return this.#release(0);
    const [tag] = this.#syntax.open;
    if (marker === "" || (tag!.startsWith(marker) && marker !== tag)) return [];
    if (marker === tag) return this.#open(this.#held);
    if (marker.startsWith("{")) {
      const before = this.#held.slice(0, -1);
      return [...this.#open(before), ...this.#push("{")];
    }
    return this.#release(0);
  }

  #open(marker: string): readonly CallEvent[] {
    this.#opened = marker;
    this.#held = "";
    this.#place = this.#syntax.isList ? "list" : "call";
    if (!this.#syntax.isList) this.#call = new CallReader(this.#calls);
    return [];
  }

  #inCall(character: string): readonly CallEvent[] {
    const call = this.#call!;
    const events = call.push(character);
    if (events.some(({ type }) => type === "call")) this.#calls++;
    if (call.broken && !call.begun) return this.#giveUp(call.raw);
    if (call.complete || call.broken) {
      this.#call = undefined;
      this.#place = "after";
    }
    return events;
  }

  /** Between the elements of a list. */
  #inList(character: string): readonly CallEvent[] {
    if (character === "{") {
      this.#call = new CallReader(this.#calls);
      this.#place = "call";
      return this.#inCall(character);
    }
    if (character === "]") this.#place = "after";
    else if (!/[\s,[]/.test(character)) return this.#giveUp(character);
    else if (this.#calls === 0) this.#opened += character;
    return [];
  }

  /** Before the marker that ends a call, which is dropped, and so is what is left of a broken call. */
  #afterCall(character: string): readonly CallEvent[] {
    const { close, isList, anywhere } = this.#syntax;
    if (isList && (character === "," || character === "]" || /\s/.test(character))) {
      if (character === ",") this.#place = "list";
      return [];
    }
    if (!anywhere || close === "") return [];
    this.#held += character;
    if (this.#held.endsWith(close)) {
      this.#held = "";
      this.#place = "text";
    }
    return [];
  }

  #giveUp(raw: string): readonly CallEvent[] {
    const text = this.#opened + raw;
    this.#call = undefined;
    this.#place = "text";
    this.#begun = true;
    return asText(text);
  }

  /** Hands on what is held, but for its last `keep` characters. */
  #release(keep: number): readonly CallEvent[] {
    const text = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return this.#text(text);
  }

  #text(text: string): readonly CallEvent[] {
    if (text === "") return [];
    this.#begun = true;
    return [{ type: "text", text }];
  }
}

/** Characters at the end of a text that may be white space before a marker, and the beginning of it. */
function heldBack(text: string, marker: string): number {
  for (let length = Math.min(marker.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(marker.slice(0, length))) return length + spaces(text.slice(0, -length));
  }
  return spaces(text);
}

function spaces(text: string): number {
  return text.length - text.trimEnd().length;
}

function asText(text: string): readonly CallEvent[] {
  return text === "" ? [] : [{ type: "text", text }];
}

/** Neighbours of a kind as one event. */
function joined(events: readonly CallEvent[]): readonly CallEvent[] {
  const result: CallEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (event.type === "text" && last?.type === "text") {
      result[result.length - 1] = { ...last, text: last.text + event.text };
    } else if (event.type === "arguments" && last?.type === "arguments" && last.call === event.call) {
      result[result.length - 1] = { ...last, text: last.text + event.text };
    } else {
      result.push(event);
    }
  }
  return result;
}
