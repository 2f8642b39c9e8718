import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { envelope } from '../../src/contracts/config.ts';
import type { GatewayConfig } from '../../src/contracts/config.ts';
import { Fleet } from '../../src/control/fleet.ts';
import type { FleetEvents, FleetOptions, Member } from '../../src/control/fleet.ts';

export const program = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A logger whose lines can be read. */
export function testLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  return { log, lines };
}

/** A configuration whose upstream ids are wishes to the stub worker (`stub-worker.mjs`). */
export function configFor(port: number, ...wishes: string[]): GatewayConfig {
  const config = envelope.parse({ version: 1, listen: { http: { host: '127.0.0.1', port } } });
  const upstreams = wishes.map((id) => ({ id })) as unknown as GatewayConfig['upstreams'];
  return { ...config, upstreams };
}

const fleets: Fleet[] = [];

/** A fleet of stub workers; `endFleets` ends it. */
export function makeFleet(options: Partial<FleetOptions> = {}): Fleet {
  const fleet = new Fleet({
    size: 2,
    exec: program('stub-worker.mjs'),
    log: testLog().log,
    backoff: { first: 20, longest: 200, healthy: 10_000 },
    ...options,
  });
  fleets.push(fleet);
  return fleet;
}

export async function endFleets(): Promise<void> {
  for (const fleet of fleets.splice(0)) {
    const gone = fleet.retire();
    for (const member of fleet.members()) member.kill();
    await gone;
  }
}

type Arguments<K extends keyof FleetEvents> = Parameters<NonNullable<FleetEvents[K]>>;

/** The next event of that kind for which `when` holds. */
export function next<K extends keyof FleetEvents>(
  fleet: Fleet,
  kind: K,
  when: (...args: Arguments<K>) => boolean = () => true,
): Promise<Arguments<K>> {
  return new Promise((resolve) => {
    const handle = (...args: Arguments<K>) => void (when(...args) && resolve(args));
    fleet.listen({ [kind]: handle });
  });
}

export const memberAt = (fleet: Fleet, slot: number): Member => {
  const member = fleet.members().find((each) => each.slot === slot);
  if (member === undefined) throw new Error(`nobody in slot ${slot}`);
  return member;
};
