/** Back-pressure of answers: a stream is written as fast as its reader reads. */
import type { ServerWritableStream } from "@grpc/grpc-js";

/**
 * Writes every message, waiting whenever the stream's buffer is full. When the caller has left, the rest is read and
 * dropped: the producer ends by its own signal, and is not torn down in the middle of its clean-up.
 */
export async function writePaced<T>(
  call: ServerWritableStream<unknown, T>,
  messages: AsyncIterable<T>,
): Promise<void> {
  for await (const message of messages) {
    if (call.destroyed) continue;
    if (!call.write(message)) await drained(call);
  }
}

/** Resolves when the buffer has room again, or the stream is gone. */
async function drained(call: ServerWritableStream<unknown, unknown>): Promise<void> {
  if (call.destroyed || !call.writableNeedDrain) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  call.once("drain", resolve).once("close", resolve);
  await promise;
  call.off("drain", resolve).off("close", resolve);
}
