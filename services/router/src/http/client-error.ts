/** Connections that do not speak HTTP, or stopped in the middle of it: they have no request, and still get an answer. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { BatonError } from "@baton/core";
import { errorBody } from "./error-body.ts";

/** What Node's HTTP parser says, where it is not simply a bad request. */
const STATUS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** Answers with an error in the API's shape and closes the connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.writable && error.code !== "ECONNRESET") {
    const status = STATUS[error.code ?? ""] ?? 400;
    const reason = STATUS_CODES[status];
    const message = `Cannot read the request: ${reason}`;
    const body = JSON.stringify(errorBody(new BatonError("invalid_argument", message)));
    socket.write(
      `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json; charset=utf-8\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}
