import { expect } from 'vitest';
import { parseExposition, type ParsedFamily } from '../observe/exposition.ts';
import type { Gateway } from '../support/gateway.ts';
import { PATIENCE } from '../support/patience.ts';

/** One look at /metrics, read by a strict parser. */
export class Scrape {
  readonly text: string;
  readonly families: ReadonlyMap<string, ParsedFamily>;

  constructor(text: string) {
    this.text = text;
    this.families = parseExposition(text);
  }

  /** Sum of the samples of that name whose labels are all as given. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.table(name, labels).reduce((sum, [, value]) => sum + value, 0);
  }

  /** Label values in their order, joined by spaces, and the value: of each sample of that name with these labels. */
  table(name: string, labels: Readonly<Record<string, string>> = {}): [labels: string, value: number][] {
    const family = this.families.get(name.replace(/_(count|sum|bucket)$/, '')) ?? this.families.get(name);
    return (family?.samples ?? [])
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .map((sample) => [Object.values(sample.labels).join(' '), sample.value]);
  }
}

export async function scrape(gateway: Gateway): Promise<Scrape> {
  const reply = await fetch(`${gateway.adminUrl}/metrics`);
  expect(reply.status).toBe(200);
  return new Scrape(await reply.text());
}

/** Looks again and again until it is as wanted: workers push once a second. */
export async function scrapeUntil(
  gateway: Gateway,
  wanted: (scrape: Scrape) => boolean,
  ms = PATIENCE,
): Promise<Scrape> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await scrape(gateway);
    if (wanted(found)) return found;
    if (performance.now() > deadline) throw new Error(`not so within ${ms} ms:\n${found.text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
