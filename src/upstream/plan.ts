/** What is known of a target's health. `unknown`: probes are on, and none was ever good. */
export type Health = 'well' | 'ill' | 'unknown';

/** What decides whether a target is used. */
export interface Candidate {
  /** Lower goes first. */
  readonly priority: number;
  readonly zone: string | null;
  /** 0 = gets nothing. */
  readonly weight: number;
  readonly health: Health;
}

/** Targets that are used alike, and their share of the traffic. */
export interface Level<T> {
  readonly share: number;
  readonly members: readonly T[];
}

/** A level with this much more than it needs carries everything: losing a few of many targets moves no traffic. */
const RESERVE = 1.4;

/** One priority: who belongs to it, who of them is well, and how much of the traffic those can carry. */
interface Tier<T> {
  readonly all: readonly T[];
  readonly well: readonly T[];
  readonly capacity: number;
}

/**
 * Who is used, and for how much of the traffic: priorities in order, each as far as its healthy targets reach, within
 * a priority those of the node's own zone first. When all that is healthy cannot carry the traffic, priorities whose
 * healthy share is below `panic` use every target that ever was well: a few of many would only be run over.
 * Levels without a share follow too, for retries. Empty = nobody is left.
 */
export function plan<T extends Candidate>(all: readonly T[], zone: string | null, panic: number): Level<T>[] {
  const tiers = tiersOf(all.filter(({ weight, health }) => weight > 0 && health !== 'unknown'));
  const reach = tiers.reduce((sum, { capacity }) => sum + capacity, 0);
  if (reach === 0 && panic > 0)
    return tiers.map((tier, i) => ({ share: i === 0 ? 1 : 0, members: tier.all }));
  // Above 1 the first ones carry all of it; below 1 each takes more than it should.
  const scale = reach < 1 ? 1 / reach : 1;
  let left = 1;
  return tiers.flatMap((tier) => {
    const share = Math.min(left, tier.capacity * scale);
    left = Math.max(0, left - share);
    const panicking = reach < 1 && tier.well.length < panic * tier.all.length;
    return panicking ? [{ share, members: tier.all }] : byZone(tier, share, zone);
  });
}

function tiersOf<T extends Candidate>(usable: readonly T[]): Tier<T>[] {
  const priorities = [...new Set(usable.map(({ priority }) => priority))].sort((a, b) => a - b);
  return priorities.map((priority) => {
    const all = usable.filter((each) => each.priority === priority);
    const well = all.filter(({ health }) => health === 'well');
    return { all, well, capacity: capacityOf(well, all) };
  });
}

const capacityOf = (well: readonly unknown[], all: readonly unknown[]): number =>
  all.length === 0 ? 0 : Math.min(1, (RESERVE * well.length) / all.length);

/** The node's own zone as far as its healthy targets reach, then the others. */
function byZone<T extends Candidate>({ all, well }: Tier<T>, share: number, zone: string | null): Level<T>[] {
  if (well.length === 0) return [];
  const isNear = (each: T) => each.zone === zone;
  const near = zone === null ? [] : well.filter(isNear);
  if (near.length === 0 || near.length === well.length) return [{ share, members: well }];
  const part = capacityOf(near, all.filter(isNear));
  return [
    { share: share * part, members: near },
    { share: share * (1 - part), members: well.filter((each) => !isNear(each)) },
  ];
}
