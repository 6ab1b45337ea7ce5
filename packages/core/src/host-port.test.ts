import { expect, test } from "@jest/globals";
import { hostPort } from "./host-port.ts";

test("hostPort() puts an IPv6 host into brackets, and leaves names and IPv4 addresses", () => {
  expect(hostPort("2001:db8::7", 8002)).toBe("[2001:db8::7]:8002");
  expect(hostPort("::1", 0)).toBe("[::1]:0");
  expect(hostPort("worker-0", 8002)).toBe("worker-0:8002");
  expect(hostPort("10.0.0.7", 8002)).toBe("10.0.0.7:8002");
});
