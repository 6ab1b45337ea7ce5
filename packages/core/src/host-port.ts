/** `host:port`, as addresses are written everywhere: an IPv6 host is in brackets, or its end could not be told. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
