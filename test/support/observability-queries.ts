/** The queries that dashboards and alerts ask. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const DEPLOY = fileURLToPath(new URL("../../deploy", import.meta.url));
const DASHBOARDS = readdirSync(join(DEPLOY, "grafana/dashboards"));

/** A query, and where it stands. */
export interface Query {
  readonly where: string;
  readonly text: string;
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr?: string; readonly query?: string }[];
  }[];
}

/** Of dashboards: in PromQL (`expr`) or TraceQL (`query`). */
export function queriesOf(language: "expr" | "query"): readonly Query[] {
  return DASHBOARDS.flatMap((file) => {
    const { panels } = JSON.parse(
      readFileSync(join(DEPLOY, "grafana/dashboards", file), "utf8"),
    ) as Dashboard;
    return panels.flatMap(({ title, targets }) =>
      targets.flatMap((target) => {
        const text = target[language];
        return text === undefined ? [] : [{ where: `${file}, "${title}"`, text }];
      }),
    );
  });
}

/** Of alert rules, in PromQL, on one line or folded over several. */
export function alertQueries(): readonly Query[] {
  const rules = readFileSync(join(DEPLOY, "prometheus/alerts.yml"), "utf8")
    .split(/^ {6}- alert: /m)
    .slice(1);
  return rules.map((rule) => ({
    where: `alert ${rule.split("\n")[0]}`,
    text: /^ {8}expr: ([\s\S]*?)\n {8}\w+:/m.exec(rule)![1]!,
  }));
}
