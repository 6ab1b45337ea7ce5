/** A cluster and what it sends its traces to: where the cluster does not start, the other is closed too. */
import { Cluster, type ClusterOptions } from "./cluster.ts";
import type { OtlpReceiver } from "./otlp-receiver.ts";

export async function startWith(receiver: OtlpReceiver, options: ClusterOptions): Promise<Cluster> {
  try {
    return await Cluster.start(options);
  } catch (error) {
    await receiver.stop();
    throw error;
  }
}
