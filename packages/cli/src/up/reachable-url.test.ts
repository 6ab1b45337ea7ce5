import { expect, test } from "@jest/globals";
import { reachableUrl } from "./reachable-url.ts";

test.each([
  ["127.0.0.1", "http://127.0.0.1:8000"],
  ["0.0.0.0", "http://127.0.0.1:8000"],
  ["::", "http://[::1]:8000"],
  ["baton.example", "http://baton.example:8000"],
])("a server that listens on %s is reached at %s", (host, url) => {
  expect(reachableUrl(host, 8000)).toBe(url);
});
