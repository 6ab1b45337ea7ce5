import { hostname } from "node:os";
import { expect, test } from "@jest/globals";
import { advertisedHost } from "./advertised-host.ts";

test("a worker is reached where it listens, unless it is told otherwise", () => {
  expect(advertisedHost({ host: "10.0.0.7" })).toBe("10.0.0.7");
  expect(advertisedHost({ host: "0.0.0.0", advertiseHost: "prefill.example" })).toBe("prefill.example");
});

test.each(["0.0.0.0", "::"])(
  "a worker that listens on %s is reached under the name of its machine",
  (host) => {
    expect(advertisedHost({ host })).toBe(hostname());
  },
);
