/** Structured logging: fields first, then a message that reads alone. Implemented in the tracing package. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Discards everything; for tests and for libraries used without a logger. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
