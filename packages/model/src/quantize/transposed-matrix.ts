/** A matrix of bytes that is filled row by row, from the first to the last, and stored column by column. */

/** Rows that are collected before they are turned: each column then gets a whole cache line at once. */
const TILE_ROWS = 64;

/** Turns a tile at a time. */
export class TransposedMatrix {
  readonly #rows: number;
  readonly #columns: number;
  readonly #transposed: Int8Array;
  readonly #tile: Int8Array;
  /** First row of the tile, and how many are in it. */
  #first = 0;
  #count = 0;

  constructor(rows: number, columns: number) {
    this.#rows = rows;
    this.#columns = columns;
    this.#transposed = new Int8Array(rows * columns);
    this.#tile = new Int8Array(TILE_ROWS * columns);
  }

  /** The memory for the next row, to be filled before the one after it is asked for. */
  nextRow(): Int8Array {
    if (this.#count === TILE_ROWS) this.#turn();
    const begin = this.#count++ * this.#columns;
    return this.#tile.subarray(begin, begin + this.#columns);
  }

  /** `[columns][rows]`; call once, when all rows are filled. */
  finish(): Int8Array {
    this.#turn();
    return this.#transposed;
  }

  #turn(): void {
    for (let column = 0; column < this.#columns; column++) {
      const target = column * this.#rows + this.#first;
      for (let row = 0; row < this.#count; row++) {
        this.#transposed[target + row] = this.#tile[row * this.#columns + column]!;
      }
    }
    this.#first += this.#count;
    this.#count = 0;
  }
}
