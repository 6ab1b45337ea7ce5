import { workerId } from "@baton/core";
import { workerRecord } from "@baton/registry/testing";
import { describe, expect, test } from "@jest/globals";
import { assertAcceptable, assertSameSecurity } from "./worker-acceptance.ts";

const model = { name: "demo", hash: "c0ffee" };

describe("assertAcceptable", () => {
  test("accepts the first worker of the model, and others like it", () => {
    const first = workerRecord();
    assertAcceptable(first, model, []);
    assertAcceptable(workerRecord({ id: workerId("decode-1") }), model, [first]);
  });

  test("refuses a model of another content or name, naming both", () => {
    const layout = { ...workerRecord().layout, modelHash: "dead" };
    expect(() => assertAcceptable(workerRecord({ layout }), model, [])).toThrow(
      'Cannot accept worker "decode-0": its model hash is "dead", expected "c0ffee"',
    );
    expect(() => assertAcceptable(workerRecord({ model: "other" }), model, [])).toThrow(
      'it serves "other", expected "demo"',
    );
  });

  test("refuses a block size that differs from the others', but not from its own former one", () => {
    const layout = { ...workerRecord().layout, blockSize: 32 };
    const other = workerRecord({ id: workerId("prefill-0") });
    expect(() => assertAcceptable(workerRecord({ layout }), model, [other])).toThrow(
      'its blockSize is 32, expected 16 as on "prefill-0"',
    );
    assertAcceptable(workerRecord({ layout }), model, [workerRecord()]);
  });

  test("refuses a seed of block hashes that is not the router's; a worker without a feed has none", () => {
    expect(() => assertAcceptable(workerRecord({ kvHashSeed: 7 }), model, [])).toThrow(
      "it hashes blocks with the seed 7, expected 1337",
    );
    assertAcceptable(workerRecord({ kvHashSeed: 1337 }), model, []);
  });
});

describe("assertSameSecurity", () => {
  const record = workerRecord();

  test("accepts what can be spoken to", () => {
    assertSameSecurity({ ...record, tls: true }, true);
    assertSameSecurity(record, false);
  });

  test("refuses a worker without a certificate where the router has one, and the other way round", () => {
    expect(() => assertSameSecurity(record, true)).toThrow(
      `Cannot accept worker "${record.id}": it speaks no TLS, expected BATON_TLS_CERT_FILE there`,
    );
    expect(() => assertSameSecurity({ ...record, tls: true }, false)).toThrow(
      "it speaks TLS, expected it here too",
    );
  });
});
