import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { PageMap, type PageTable } from "./page-map.ts";

const TOTAL = 24;

type Action =
  | { readonly kind: "grow"; readonly table: number; readonly by: number }
  | { readonly kind: "release"; readonly table: number }
  | { readonly kind: "compact"; readonly most: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant("grow" as const), table: fc.nat(7), by: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant("release" as const), table: fc.nat(7) }),
  fc.record({ kind: fc.constant("compact" as const), most: fc.nat(4) }),
);

/** What is in the pages: each table writes its name and the number of the page in its own order. */
class Content {
  readonly #pages: string[] = [];

  write(name: number, table: PageTable): void {
    for (const [index, page] of table.entries()) this.#pages[page] = `${name}.${index}`;
  }

  move(from: number, to: number): void {
    this.#pages[to] = this.#pages[from]!;
    this.#pages[from] = "free";
  }

  expect(name: number, table: PageTable): void {
    expect(table.map((page) => this.#pages[page])).toEqual(table.map((_, index) => `${name}.${index}`));
  }
}

test("pages have one owner, keep what is in them, and lie together after enough moves", () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const map = new PageMap(TOTAL);
      const tables: PageTable[] = Array.from({ length: 8 }, () => []);
      const content = new Content();
      for (const one of actions) {
        if (one.kind === "grow") {
          const table = tables[one.table]!;
          const count = table.length + one.by;
          if (one.by > map.free) expect(() => map.grow(table, count)).toThrow("Cannot give out");
          else map.grow(table, count);
          content.write(one.table, table);
        } else if (one.kind === "release") {
          map.release(tables[one.table]!);
          tables[one.table] = [];
        } else {
          const moves = map.compact(one.most);
          expect(moves.length).toBeLessThanOrEqual(one.most);
          for (const { from, to } of moves) content.move(from, to);
        }
        const used = tables.flat();
        expect(new Set(used).size).toBe(used.length);
        expect([map.used, map.free]).toEqual([used.length, TOTAL - used.length]);
        expect(map.extent).toBe(Math.max(-1, ...used) + 1);
        for (const [name, table] of tables.entries()) content.expect(name, table);
      }
      map.compact(TOTAL);
      expect(map.extent).toBe(map.used);
    }),
  );
});
