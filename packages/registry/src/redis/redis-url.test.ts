import { describe, expect, test } from "@jest/globals";
import { describeRedis, parseRedisUrl, withRedisPassword } from "./redis-url.ts";

describe("parseRedisUrl", () => {
  test.each([
    ["redis://cache", { kind: "single", tls: false, node: { host: "cache", port: 6379 }, db: 0 }],
    [
      "rediss://ro%40ot:p%3Ass@[::1]:7000/3",
      {
        kind: "single",
        tls: true,
        username: "ro@ot",
        password: "p:ss",
        node: { host: "::1", port: 7000 },
        db: 3,
      },
    ],
    [
      "redis-cluster://:secret@a:1,b:2",
      {
        kind: "cluster",
        tls: false,
        password: "secret",
        nodes: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
        ],
      },
    ],
    [
      "rediss-sentinel://u:p@s1,s2:5000/main/2?sentinelUsername=su&sentinelPassword=sp",
      {
        kind: "sentinel",
        tls: true,
        username: "u",
        password: "p",
        nodes: [
          { host: "s1", port: 26_379 },
          { host: "s2", port: 5000 },
        ],
        name: "main",
        db: 2,
        sentinelUsername: "su",
        sentinelPassword: "sp",
      },
    ],
  ])("reads %s", (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target);
  });

  test.each([
    "http://a",
    "redis://",
    "redis://a,b",
    "redis://a:0",
    "redis://a/x",
    "redis-cluster://a/1",
    "redis-sentinel://a",
  ])("refuses %s", (url) => {
    expect(() => parseRedisUrl(url)).toThrow("Cannot use the Redis URL");
  });

  test("never shows a password", () => {
    const urls = [
      "redis://u:hush@h:x",
      "redis://u:hu@sh@h:x",
      "redis-sentinel://:hush@h?sentinelPassword=hush",
    ];
    for (const url of urls) {
      expect(() => parseRedisUrl(url)).toThrow(
        expect.objectContaining({ message: expect.not.stringMatching(/hu|sh@/) }),
      );
    }
    expect(describeRedis(parseRedisUrl("redis://u:hush@h:1/2"))).toBe("redis://h:1/2");
    expect(describeRedis(parseRedisUrl("rediss-sentinel://u:hush@h/main"))).toBe(
      "rediss-sentinel://h:26379/main",
    );
  });
});

describe("withRedisPassword", () => {
  const secret = "s@lt/&:%";

  test.each([
    "redis://cache",
    "rediss://ada@[::1]:7000/3",
    "redis-cluster://a:1,b:2",
    "redis-sentinel://@s1,s2/main?sentinelPassword=x",
  ])("puts a password into %s, and changes nothing else", (url) => {
    const { password, ...rest } = parseRedisUrl(withRedisPassword(url, secret));
    expect(password).toBe(secret);
    expect(rest).toEqual(parseRedisUrl(url));
  });

  test("leaves a URL alone without one", () => {
    expect(withRedisPassword("redis://:a@cache", undefined)).toBe("redis://:a@cache");
  });

  test("refuses two passwords and shows neither", () => {
    const both = () => withRedisPassword("redis://:first@cache", "second");
    expect(both).toThrow('Cannot use the Redis URL "redis://***@cache"');
    expect(both).not.toThrow(/first|second/);
  });
});
