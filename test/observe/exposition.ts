/** One sample line of the Prometheus text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const UNESCAPED: Record<string, string> = { '\\n': '\n', '\\\\': '\\', '\\"': '"' };

/**
 * Parses format 0.0.4 and throws on whatever a strict reader may refuse: a sample without its HELP and
 * TYPE, families torn apart, samples twice, bad escapes, buckets that fall or lack +Inf.
 */
export function parseExposition(text: string): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line must end with a line feed');
  const families = new Map<string, ParsedFamily>();
  const lines = text.split('\n').filter((line) => line !== '');
  let current: ParsedFamily | null = null;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.startsWith('#')) {
      current = parseHeader(line, lines[++i] ?? '');
      if (families.has(current.name)) throw new Error(`${current.name} appears twice`);
      families.set(current.name, current);
    } else if (current === null) throw new Error(`sample before any family: ${line}`);
    else current.samples.push(parseSample(line, current));
  }
  for (const family of families.values()) check(family);
  return families;
}

function parseHeader(helpLine: string, typeLine: string): ParsedFamily {
  const [, name = '', help = ''] = /^# HELP (\S+) (.+)$/.exec(helpLine) ?? [];
  const [, typed, type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(typeLine) ?? [];
  if (!NAME.test(name) || typed !== name) throw new Error(`bad header: ${helpLine} / ${typeLine}`);
  if (/\\(?![\\n])/.test(help)) throw new Error(`bad escape in help: ${help}`);
  return { name, help, type, samples: [] };
}

function parseSample(line: string, family: ParsedFamily): Sample {
  const [, name = '', labelText = '', valueText = ''] = LINE.exec(line) ?? [];
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!suffixes.some((suffix) => name === family.name + suffix))
    throw new Error(`${line} stands under ${family.name}`);
  const value = Number(valueText);
  if (!Number.isFinite(value)) throw new Error(`bad value: ${line}`);
  return { name, labels: parseLabels(labelText), value };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`bad labels at ${at}: ${text}`);
    const [, name = '', value = ''] = match;
    if (name in labels) throw new Error(`label ${name} twice: ${text}`);
    labels[name] = value.replace(/\\./g, (escape) => UNESCAPED[escape]!);
  }
  return labels;
}

function check(family: ParsedFamily): void {
  const seen = new Set<string>();
  for (const { name, labels, value } of family.samples) {
    const key = name + JSON.stringify(Object.entries(labels).sort());
    if (seen.has(key)) throw new Error(`twice: ${key}`);
    seen.add(key);
    if (family.type !== 'gauge' && value < 0) throw new Error(`negative: ${key}`);
  }
  if (family.type === 'histogram') checkHistogram(family);
}

function checkHistogram({ name, samples }: ParsedFamily): void {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = JSON.stringify(Object.entries({ ...sample.labels, le: '' }).sort());
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels.le === '+Inf' ? Infinity : Number(labels.le)));
    const rises = (numbers: number[]) => numbers.every((n, i) => i === 0 || n >= numbers[i - 1]!);
    const count = group.find((sample) => sample.name === `${name}_count`);
    if (!rises(bounds) || bounds.at(-1) !== Infinity) throw new Error(`bounds of ${name} ${key}`);
    if (!rises(buckets.map(({ value }) => value))) throw new Error(`buckets fall: ${name} ${key}`);
    if (count === undefined || count.value !== buckets.at(-1)!.value)
      throw new Error(`+Inf is not the count: ${name} ${key}`);
    if (!group.some((sample) => sample.name === `${name}_sum`)) throw new Error(`no sum: ${name} ${key}`);
  }
}
