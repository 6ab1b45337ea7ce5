/** Reads the OpenMetrics text format, for tests: strict about everything that this package writes. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Labels and value of the exemplar, where there is one. */
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number };
}

export interface ParsedExposition {
  /** Type by name, as the `# TYPE` lines say. */
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-z_][a-z0-9_]*)(?:\{(.*?)\})? (\S+)(?: # \{(.*?)\} (\S+) (\S+))?$/;
const LABEL = /([a-z_][a-z0-9_]*)="((?:[^"\\\n]|\\.)*)"(?:,|$)/y;

/** @throws Error naming the line that is not OpenMetrics. */
export function parseExposition(text: string): ParsedExposition {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.pop() !== "# EOF")
    throw new Error('Cannot read metrics: expected "# EOF" last');
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of lines) {
    if (line.startsWith("# TYPE ")) types.set(...(line.slice(7).split(" ") as [string, string]));
    else if (!line.startsWith("# HELP ")) samples.push(parseSample(line));
  }
  return { types, samples };
}

function parseSample(line: string): Sample {
  const [, name, labels, value, exemplarLabels, exemplarValue] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`Cannot read the sample "${line}"`);
  return {
    name,
    labels: parseLabels(labels ?? "", line),
    value: Number(value),
    ...(exemplarLabels !== undefined && {
      exemplar: { labels: parseLabels(exemplarLabels, line), value: Number(exemplarValue) },
    }),
  };
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  let end = 0;
  for (let match = LABEL.exec(text); match; match = LABEL.exec(text)) {
    labels[match[1]!] = match[2]!.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
    end = LABEL.lastIndex;
  }
  if (end !== text.length) throw new Error(`Cannot read the labels of "${line}"`);
  return labels;
}
