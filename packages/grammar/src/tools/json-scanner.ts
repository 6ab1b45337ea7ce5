/**
 * Owns the outline of one JSON object as it comes: which of its members a character belongs to. It looks at strings,
 * brackets and commas alone, so it takes some texts for JSON that are none; what is inside of a value is its reader's.
 */

export type ScannerState = "reading" | "complete" | "broken";

/** What a character is part of. */
export interface Scanned {
  /** The name of the member; undefined outside of values. */
  readonly member?: string;
  /** Text that belongs to the member's value; `ended` with its last character. */
  readonly value?: { readonly text: string; readonly ended: boolean };
}

type Place = "start" | "key-or-end" | "key" | "in-key" | "colon" | "value" | "in-value" | "after";

const NOTHING: Scanned = {};

/** Reads one object, character by character. */
export class JsonScanner {
  #place: Place = "start";
  #state: ScannerState = "reading";
  #key = "";
  #depth = 0;
  #inString = false;
  #escaped = false;

  get state(): ScannerState {
    return this.#state;
  }

  push(character: string): Scanned {
    if (this.#state !== "reading") return NOTHING;
    if (this.#place === "in-key") return this.#inKey(character);
    if (this.#place === "in-value") return this.#inValue(character);
    if (/\s/.test(character)) return NOTHING;
    return this.#between(character);
  }

  #between(character: string): Scanned {
    switch (this.#place) {
      case "start":
        return this.#expect(character === "{", "key-or-end");
      case "key-or-end":
        if (character === "}") return this.#complete();
        return this.#beginKey(character);
      case "key":
        return this.#beginKey(character);
      case "colon":
        return this.#expect(character === ":", "value");
      case "value":
        return this.#beginValue(character);
      default:
        if (character === "}") return this.#complete();
        return this.#expect(character === ",", "key");
    }
  }

  #beginKey(character: string): Scanned {
    this.#key = character;
    return this.#expect(character === '"', "in-key");
  }

  #inKey(character: string): Scanned {
    this.#key += character;
    if (this.#escaped) this.#escaped = false;
    else if (character === "\\") this.#escaped = true;
    else if (character === '"') this.#place = "colon";
    return NOTHING;
  }

  #beginValue(character: string): Scanned {
    if (",}]:".includes(character)) return this.#expect(false, "value");
    this.#place = "in-value";
    this.#depth = 0;
    return this.#inValue(character);
  }

  #inValue(character: string): Scanned {
    if (this.#inString) return this.#inText(character);
    const isBare = this.#depth === 0;
    // A number or a word ends with what comes after it.
    if (isBare && character === ",") return this.#leave("key");
    if (isBare && character === "}") {
      this.#complete();
      return { member: this.#member, value: { text: "", ended: true } };
    }
    if (character === '"') this.#inString = true;
    else if (character === "{" || character === "[") this.#depth++;
    else if (character === "}" || character === "]") this.#depth--;
    else if (isBare && /\s/.test(character)) return this.#leave("after");
    const ended = this.#depth === 0 && (character === "}" || character === "]");
    return this.#part(character, ended);
  }

  #inText(character: string): Scanned {
    if (this.#escaped) this.#escaped = false;
    else if (character === "\\") this.#escaped = true;
    else if (character === '"') this.#inString = false;
    return this.#part(character, !this.#inString && this.#depth === 0);
  }

  #part(text: string, ended: boolean): Scanned {
    if (ended) this.#place = "after";
    return { member: this.#member, value: { text, ended } };
  }

  /** Ends a value before this character. */
  #leave(place: Place): Scanned {
    this.#place = place;
    return { member: this.#member, value: { text: "", ended: true } };
  }

  get #member(): string {
    try {
      return String(JSON.parse(this.#key));
    } catch {
      return this.#key;
    }
  }

  #complete(): Scanned {
    this.#state = "complete";
    return NOTHING;
  }

  #expect(isRight: boolean, place: Place): Scanned {
    if (isRight) this.#place = place;
    else this.#state = "broken";
    return NOTHING;
  }
}
