/** `baton doctor`: checks a configuration from end to end, one line per check, with what to do. */
import { ConfigError, configOfProcess, configOrExit } from "@baton/config";
import { BatonError, systemClock } from "@baton/core";
import { EXIT_CODE } from "@baton/lifecycle";
import { readTlsIdentity, type TlsFiles, type TlsIdentity } from "@baton/tls";
import { print } from "../command.ts";
import { checkCollector } from "./check-collector.ts";
import { checkRouter } from "./check-router.ts";
import { checkWorkers } from "./check-workers.ts";
import { doctorSettings } from "./doctor-settings.ts";
import { type Finding, fail, formatFinding, ok } from "./finding.ts";

/** With one of these there is nothing to check: the settings print and end the program. */
const HELP_FLAGS = ["--help", "-h", "--version"];

/** Exit code 1 where a check failed; warnings do not count. */
export async function doctor(argv: readonly string[]): Promise<number> {
  if (HELP_FLAGS.some((flag) => argv.includes(flag))) configOrExit(doctorSettings, argv);
  let failed = false;
  for await (const finding of findings(argv)) {
    print(formatFinding(finding));
    failed ||= finding.status === "fail";
  }
  return failed ? EXIT_CODE.failed : EXIT_CODE.ok;
}

async function* findings(argv: readonly string[]): AsyncGenerator<Finding, void, void> {
  const config = readSettings(argv);
  if (config instanceof ConfigError) {
    for (const problem of config.problems) yield fail("settings", problem, "see baton up --help");
    return;
  }
  yield ok("settings", "all are valid");
  const router = await checkRouter(config);
  yield* router.findings;
  if (!router.reachable) return yield* checkCollector(config);
  const tls = readTls(config);
  if (tls instanceof BatonError) yield fail("settings", tls.message, "see deploy/make-certificates");
  else yield* checkWorkers(config, tls);
  yield* checkCollector(config);
}

function readTls(files: TlsFiles): TlsIdentity | undefined | BatonError {
  try {
    return readTlsIdentity(files, systemClock.now());
  } catch (error) {
    return BatonError.from(error);
  }
}

function readSettings(argv: readonly string[]) {
  try {
    return configOfProcess(doctorSettings, argv);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}
