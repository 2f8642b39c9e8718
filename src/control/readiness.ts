/**
 * `probing`: the first round of active probes is not done. `unread`: credentials are checked, and what is revoked was
 * not read from the store yet. `behind`: a worker still serves an older generation. `down`: no worker serves.
 */
export type NodeStatus = 'starting' | Unknown | 'ready' | 'behind' | 'down' | 'draining';

/** What a node must find out before it may be sent traffic. */
export type Unknown = 'probing' | 'unread';

/** How far this node is, for probes and the admin API. */
export interface Readiness {
  readonly status: NodeStatus;
  /** Newest generation that every worker was told to serve. */
  readonly generation: number;
  /** Generation by slot of worker; null = the worker does not serve (it starts, or is being replaced). */
  readonly workers: readonly (number | null)[];
}

export type Phase = 'starting' | 'started' | 'draining';

/**
 * Ready means: whoever connects is served by the current generation. A worker that is being replaced
 * does not listen, so it does not count against the node as long as another one serves.
 * @param unknown What is still to be found out; null = nothing.
 */
export function readiness(
  phase: Phase,
  settled: number,
  size: number,
  applied: readonly { slot: number; generation: number }[],
  unknown: Unknown | null = null,
): Readiness {
  const workers = new Array<number | null>(size).fill(null);
  for (const { slot, generation } of applied) workers[slot] = generation === 0 ? null : generation;
  return { status: statusOf(phase, settled, workers, unknown), generation: settled, workers };
}

function statusOf(
  phase: Phase,
  settled: number,
  workers: readonly (number | null)[],
  unknown: Unknown | null,
): NodeStatus {
  if (phase !== 'started') return phase;
  if (workers.every((generation) => generation === null)) return 'down';
  if (unknown !== null) return unknown;
  return workers.some((generation) => generation !== null && generation < settled) ? 'behind' : 'ready';
}
