import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { lightenAsyncBind } from "./light-async-bind.ts";

const { bind } = AsyncResource.prototype;
beforeAll(lightenAsyncBind);
afterAll(() => {
  AsyncResource.prototype.bind = bind;
});

test("a bound function runs in the context of its resource, with its arguments and result", () => {
  const storage = new AsyncLocalStorage<string>();
  const resource = storage.run("inside", () => new AsyncResource("TEST"));
  const bound = resource.bind((a: number, b: number) => `${storage.getStore()} ${a + b}`);
  expect(storage.run("outside", () => bound(1, 2))).toBe("inside 3");
});

test("a bound function has the receiver that it was bound to, or else its caller's", () => {
  const resource = new AsyncResource("TEST");
  function name(this: { name: string }) {
    return this.name;
  }
  const bound = Reflect.apply(resource.bind, resource, [name, { name: "bound" }]);
  expect(bound.call({ name: "called" })).toBe("bound");
  expect(resource.bind(name).call({ name: "called" })).toBe("called");
});

test("the static form works the same", () => {
  expect(AsyncResource.bind((a: number) => a + 1)(1)).toBe(2);
});
