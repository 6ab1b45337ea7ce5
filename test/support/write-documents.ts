/** `node --run docs`: brings the tables in the documents up to date with the code. */
import { writeMetricsTables } from "./metrics-tables.ts";
import { writeSettingsTables } from "./settings-table.ts";
import { writeTracingTables } from "./tracing-tables.ts";

writeSettingsTables();
writeTracingTables();
writeMetricsTables();
