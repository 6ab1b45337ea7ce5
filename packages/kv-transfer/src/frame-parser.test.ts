import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { encodeFrame } from "./frame-codec.ts";
import { FrameParser } from "./frame-parser.ts";

/** A stream as a prefill worker sends it, and what a parser must make of it. */
function stream(bodies: readonly Uint8Array[]) {
  const parts: Uint8Array[] = [
    encodeFrame("accept", { workerId: "p", epoch: "é" }),
    encodeFrame("offer", {}),
  ];
  for (const [index, body] of bodies.entries()) {
    parts.push(encodeFrame("data", { start: index, count: 1, checksum: 7 }, body.length), body);
  }
  parts.push(encodeFrame("first_token", { tokenId: 1, cachedTokens: 2, logprobs: new Uint8Array(0) }));
  const events = [
    "accept",
    "offer",
    ...bodies.map((body) => Buffer.from(body).toString("hex")),
    "first_token",
  ];
  return { bytes: Buffer.concat(parts), events };
}

/** Collects what a parser reports: frame types, and bodies as hex. */
function recorder(maxBodyBytes: number) {
  const events: string[] = [];
  let body = new Uint8Array();
  const parser = new FrameParser({
    from: "prefill",
    onFrame: ({ type }) => events.push(type),
    data: {
      maxBodyBytes,
      onDataStart: (_, bytes) => {
        body = new Uint8Array(bytes);
        return body;
      },
      onDataEnd: () => events.push(Buffer.from(body).toString("hex")),
    },
  });
  return { parser, events };
}

describe("the parser", () => {
  test("finds the same frames however the stream is split", () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
    const sizes = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(bodies, sizes, (contents, cuts) => {
        const { bytes, events: expected } = stream(contents);
        const { parser, events } = recorder(40);
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          const chunk = Buffer.from(bytes.subarray(at, at + size));
          parser.feed(chunk);
          chunk.fill(0xee); // It may keep no reference: the read buffer is used again.
          at += size;
        }
        expect(events).toEqual(expected);
      }),
    );
  });

  test("finds the same frames byte by byte", () => {
    const { bytes, events: expected } = stream([new Uint8Array([1, 2, 3])]);
    const { parser, events } = recorder(40);
    for (const byte of bytes) parser.feed(new Uint8Array([byte]));
    expect(events).toEqual(expected);
  });

  test("looks at nothing any more after stop(), called from within a callback", () => {
    const types: string[] = [];
    const parser: FrameParser = new FrameParser({
      from: "prefill",
      onFrame: ({ type }) => {
        types.push(type);
        parser.stop();
      },
    });
    parser.feed(Buffer.concat([encodeFrame("offer", {}), encodeFrame("offer", {}), Buffer.from("garbage")]));
    parser.feed(encodeFrame("offer", {}));
    expect(types).toEqual(["offer"]);
  });

  test("looks at nothing any more after an error", () => {
    const { parser, events } = recorder(0);
    expect(() => parser.feed(Buffer.alloc(12))).toThrow("frame starts with 0x00000000");
    parser.feed(encodeFrame("offer", {}));
    expect(events).toEqual([]);
  });

  test("survives any bytes: it reports, waits, or refuses with a BatonError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (garbage, prefixed) => {
        const { parser } = recorder(40);
        const header = prefixed ? encodeFrame("offer", {}).subarray(0, 5) : Buffer.alloc(0);
        try {
          parser.feed(Buffer.concat([header, garbage]));
        } catch (error) {
          expect(error).toMatchObject({ name: "BatonError", code: expect.stringMatching(/^kv_/) });
        }
      }),
    );
  });
});
