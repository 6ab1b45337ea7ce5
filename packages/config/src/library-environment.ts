/**
 * Settings of libraries that read them from the environment of the process, and from nowhere else.
 * ONNX Runtime's official builds report usage to their maker over the network unless told not to; Baton's users have
 * not agreed to that. To be called before the library is loaded. A value that the user has set stays.
 */
export function silenceLibraries(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= "1";
}
