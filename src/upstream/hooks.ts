import type { Attempt } from '../contracts/exchange.ts';
import type { Upstream as UpstreamContract } from '../contracts/runtime.ts';
import type { Endpoint } from './endpoint.ts';
import { verdictOn } from './passive.ts';
import type { UpstreamSpec } from './upstream.ts';

type AttemptHooks = Pick<UpstreamContract, 'attempt' | 'replied' | 'settled'>;

/** What a failure counts as at least, in milliseconds: a target that refuses at once is not the fastest. */
const FAILURE_MS = 1_000;
const NONE: ReadonlySet<number> = new Set();

/** Who of an upstream hears of its attempts: only what its rules need, so that plain round robin hears nothing. */
export function hooksOf({ balance, sticky, passive }: UpstreamSpec): AttemptHooks {
  const attempt: AttemptHooks['attempt'][number][] = [];
  const replied: AttemptHooks['replied'][number][] = [];
  const settled: AttemptHooks['settled'][number][] = [];
  if (balance === 'least-request' || balance === 'p2c' || balance === 'ewma') {
    attempt.push((a) => void loadOf(a).inFlight++);
    settled.push((a) => void loadOf(a).inFlight--);
  }
  if (balance === 'ewma') {
    replied.push((a) => {
      const now = performance.now();
      loadOf(a).observe(now - a.startedAt, now);
    });
    settled.push((a) => {
      if (a.status === 0 && verdictOn(a, NONE) === 1)
        loadOf(a).observe(Math.max(FAILURE_MS, a.endedAt - a.startedAt), a.endedAt);
    });
  }
  if (sticky !== null) replied.push((a, head) => sticky.stamp(a, head));
  if (passive !== null) settled.push((a) => passive.settled(a, (a.target as Endpoint).key));
  return { attempt, replied, settled };
}

/** An upstream hears of attempts at its own endpoints only. */
const loadOf = ({ target }: Attempt) => (target as Endpoint).load;
