/**
 * Owns the inputs of the decode graph. Tensors are kept for as long as nobody joins, leaves or gets another page: making
 * sixty of them takes longer than all else that a step does on this side of the graph.
 */
import { Tensor } from "onnxruntime-node";
import type { RunnerRow } from "./model-runner.ts";
import type { PageMemory } from "./pages/page-memory.ts";
import { PAGE_TOKENS } from "./pages/page-store.ts";
import type { Tensors } from "./plane-tensors.ts";

/** Hides a token or a page. Minus infinity would make the softmax of a page without tokens a division by zero. */
const HIDDEN = -1e30;

/** What the inputs follow from. */
export interface DecodeBatch {
  readonly rows: readonly RunnerRow[];
  /** Pages that the graph reads; all of the rows' lie below it. */
  readonly pages: number;
  /** Tokens that a token attends to, itself included. */
  readonly window: number;
}

/** Inputs for a batch with these page tables. */
export class DecodeFeeds {
  readonly tensors: Tensors;
  readonly #tables: readonly (readonly number[])[];
  readonly #pages: number;
  readonly #window: number;
  readonly #tokenIds: BigInt64Array;
  readonly #positions: BigInt64Array;
  /** `[pages][PAGE_TOKENS]` */
  readonly #mask: Float32Array;

  constructor(memory: PageMemory, { rows, pages, window }: DecodeBatch) {
    const batch = rows.length;
    this.#tables = rows.map((row) => row.pages);
    this.#pages = pages;
    this.#window = window;
    this.#tokenIds = new BigInt64Array(batch);
    this.#positions = new BigInt64Array(batch);
    this.#mask = new Float32Array(pages * PAGE_TOKENS);
    const most = Math.max(...this.#tables.map((table) => table.length));
    this.tensors = {
      input_ids: new Tensor("int64", this.#tokenIds, [batch, 1]),
      position_ids: new Tensor("int64", this.#positions, [batch, 1]),
      token_mask: new Tensor("float32", this.#mask, [pages, 1, 1, PAGE_TOKENS]),
      page_rows: new Tensor("int64", pageRows(this.#tables, pages), [pages]),
      row_pages: new Tensor("int64", rowPages(this.#tables, most), [batch, 1, most]),
      page_mask: new Tensor("float32", pageMask(this.#tables, most), [batch, 1, most]),
      ...Object.fromEntries(
        memory.inputs(pages).map(({ name, type, data, dims }) => [name, new Tensor(type, data, dims)]),
      ),
    };
  }

  /** Whether these are the inputs of a batch. */
  fit(rows: readonly RunnerRow[], pages: number): boolean {
    return (
      pages === this.#pages &&
      rows.length === this.#tables.length &&
      rows.every((row, index) => isSameTable(row.pages, this.#tables[index]!))
    );
  }

  /** Writes a step's tokens, their places, and what each may see: the tokens of its sequence within its window. */
  fill(rows: readonly RunnerRow[]): void {
    this.#mask.fill(HIDDEN);
    for (const [row, { tokenId, position, pages }] of rows.entries()) {
      this.#tokenIds[row] = BigInt(tokenId);
      this.#positions[row] = BigInt(position);
      const first = Math.max(0, position + 1 - this.#window);
      for (const [index, page] of pages.entries()) {
        const from = clamp(first - index * PAGE_TOKENS);
        const to = clamp(position - index * PAGE_TOKENS);
        this.#mask.fill(0, page * PAGE_TOKENS + from, page * PAGE_TOKENS + to);
      }
    }
  }
}

/** A place within a page. */
function clamp(token: number): number {
  return Math.min(PAGE_TOKENS, Math.max(0, token));
}

function isSameTable(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((page, index) => page === other[index]);
}

function pageRows(tables: readonly (readonly number[])[], pages: number): BigInt64Array {
  const rows = new BigInt64Array(pages);
  for (const [row, table] of tables.entries()) for (const page of table) rows[page] = BigInt(row);
  return rows;
}

/** `[row][most]`: the pages of each row, and its first one where it has no more. */
function rowPages(tables: readonly (readonly number[])[], most: number): BigInt64Array {
  const pages = tables.flatMap((table) =>
    Array.from({ length: most }, (_, index) => table[index] ?? table[0]!),
  );
  return BigInt64Array.from(pages, BigInt);
}

/** `[row][most]`: 0 for the pages that a row has. */
function pageMask(tables: readonly (readonly number[])[], most: number): Float32Array {
  const mask = new Float32Array(tables.length * most).fill(HIDDEN);
  for (const [row, table] of tables.entries()) mask.fill(0, row * most, row * most + table.length);
  return mask;
}
