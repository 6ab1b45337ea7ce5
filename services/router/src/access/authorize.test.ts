import { describe, expect, test } from "@jest/globals";
import { type AdminSettings, adminPlace, isLoopback } from "./admin-place.ts";
import { authorize, type Call } from "./authorize.ts";
import { parseApiKeys } from "./parse-api-keys.ts";

const KEYS = parseApiKeys("sk-one name=one,sk-two name=two");
const local: AdminSettings = { host: "127.0.0.1", adminPort: undefined, adminKey: undefined };

function call(fields: Partial<Call>): Call {
  return { name: "GET /x", audience: "clients", port: "api", headers: { host: "127.0.0.1:8000" }, ...fields };
}

const withKey = (key: string) => ({ host: "router.example", authorization: `Bearer ${key}` });

describe("clients", () => {
  const rules = { keys: KEYS, admin: adminPlace(local) };

  test("are known by their keys", () => {
    expect(authorize(call({ headers: withKey("sk-two") }), rules)?.name).toBe("two");
  });

  test("are refused without a key that is known", () => {
    expect(() => authorize(call({}), rules)).toThrow(
      'there is no key, expected the header "Authorization: Bearer …"',
    );
    expect(() => authorize(call({ headers: withKey("sk-three") }), rules)).toThrow("its key is not one that");
    expect(() => authorize(call({ headers: withKey("sk-three") }), rules)).not.toThrow("sk-three");
  });

  test("need none where none is set", () => {
    expect(authorize(call({}), { ...rules, keys: [] })).toBeUndefined();
  });

  test("have nothing to do on the admin port", () => {
    expect(() => authorize(call({ port: "admin", headers: withKey("sk-one") }), rules)).toThrow(
      "expected the API's",
    );
  });
});

test("everybody may probe, on either port", () => {
  const rules = { keys: KEYS, admin: adminPlace({ ...local, host: "0.0.0.0" }) };
  for (const port of ["api", "admin"] as const) {
    expect(authorize(call({ audience: "everybody", port }), rules)).toBeUndefined();
  }
});

describe("operators", () => {
  const ask = (fields: Partial<Call>, settings: Partial<AdminSettings> = {}) => {
    const rules = { keys: KEYS, admin: adminPlace({ ...local, ...settings }) };
    return () => authorize(call({ audience: "operators", ...fields }), rules);
  };

  test("need no key on a port that only this machine reaches", () => {
    expect(ask({})()).toBeUndefined();
    expect(ask({ headers: { host: "localhost:8000" } })()).toBeUndefined();
    expect(ask({ headers: { host: "[::1]:8000" } }, { host: "::1" })()).toBeUndefined();
  });

  test("are not the web pages of this machine's browser, nor its proxy", () => {
    for (const headers of [
      { host: "127.0.0.1:8000", origin: "https://evil.example" },
      { host: "evil.example" },
      {},
    ]) {
      expect(ask({ headers })).toThrow("it did not come straight from this machine");
    }
  });

  test("need the key once there is one, and it is not a client's", () => {
    expect(ask({ headers: withKey("sk-admin") }, { adminKey: "sk-admin" })()).toBeUndefined();
    expect(ask({}, { adminKey: "sk-admin" })).toThrow("there is no key");
    expect(ask({ headers: withKey("sk-one") }, { adminKey: "sk-admin" })).toThrow("its key is not one");
  });

  test("are refused where others reach the API, with what to set", () => {
    for (const adminKey of [undefined, "sk-admin"]) {
      expect(ask({ headers: withKey("sk-admin") }, { host: "0.0.0.0", adminKey })).toThrow(
        "expected BATON_ADMIN_PORT and BATON_ADMIN_KEY to be set",
      );
    }
  });

  test("have their own port alone, once there is one", () => {
    const own = { host: "0.0.0.0", adminPort: 0, adminKey: "sk-admin" };
    expect(ask({ port: "admin", headers: withKey("sk-admin") }, own)()).toBeUndefined();
    expect(ask({ port: "admin" }, own)).toThrow("there is no key");
    expect(ask({ headers: withKey("sk-admin") }, own)).toThrow(
      "admin calls are taken on BATON_ADMIN_PORT only",
    );
  });

  test("cannot have a port without a key", () => {
    expect(() => adminPlace({ ...local, adminPort: 8005 })).toThrow("expected BATON_ADMIN_KEY");
  });
});

test("isLoopback() knows the addresses that lead back here", () => {
  expect(["localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]"].filter((host) => !isLoopback(host))).toEqual(
    [],
  );
  const others = ["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.example", "", "128.0.0.1"];
  expect(others.filter(isLoopback)).toEqual([]);
});
