import { z } from 'zod';
import { isFault, type AuthVerdict, type BoundAuthenticator } from '../contracts/auth.ts';
import type { Exchange } from '../contracts/exchange.ts';
import { fault, type Fault, type FaultCode } from '../contracts/fault.ts';
import type { Identity, Reply } from '../contracts/http.ts';
import type { Count, Hooks, Policy, Site, Step } from '../contracts/policy.ts';
import { mergeIdentities } from '../lib/identity.ts';
import { problemReply } from '../lib/problem.ts';

const schema = z.strictObject({
  anyOf: z
    .array(z.string())
    .min(1, 'name at least one authenticator, or leave the key out')
    .optional()
    .describe(
      'Blocks of which one is enough, such as [jwt, key]. Default: every block must accept the caller.',
    ),
});

/** Runs the authenticators in effect on the route (`jwt` ...): all must accept the caller, or any one of some. */
export const auth: Policy<z.output<typeof schema>> = { name: 'auth', schema, compile };

function compile({ anyOf = [] }: z.output<typeof schema>, site: Site): Hooks | null {
  const asked = site.authenticators();
  if (asked.length === 0) return null;
  const steps = asked.map((each) => ({
    ...each,
    enough: anyOf.includes(each.name),
    count: counter(each, site),
  }));
  const chain: Chain = {
    steps: [...steps.filter(({ enough }) => !enough), ...steps.filter(({ enough }) => enough)],
    missing: fault(
      'unauthorized',
      'This route asks who is calling.',
      asked.flatMap(({ challenge }) => ['www-authenticate', challenge]),
    ),
  };
  return { request: (x) => ask(x, chain, 0, null) };
}

interface Ask extends BoundAuthenticator {
  /** One of those of which one is enough. */
  readonly enough: boolean;
  readonly count: (outcome: Outcome) => void;
}

interface Chain {
  /** Those of whom one is enough come last. */
  readonly steps: readonly Ask[];
  /** For a caller without any credential. */
  readonly missing: Fault;
}

type Outcome = 'accepted' | 'missing' | FaultCode;

/** Counts outcomes of one authenticator; a series is made when it is first needed. */
function counter({ name }: BoundAuthenticator, { route, services }: Site): Ask['count'] {
  const counts = new Map<Outcome, Count>();
  return (outcome) => {
    let count = counts.get(outcome);
    if (count === undefined) counts.set(outcome, (count = services.counter('auth', route.id, name, outcome)));
    count.inc();
  };
}

/**
 * Asks one authenticator after the other, without a wait where none is needed.
 * @param refused Why those of whom one is enough have not accepted the caller so far.
 */
function ask(x: Exchange, chain: Chain, at: number, refused: Fault | null): Step {
  const step = chain.steps[at];
  if (step === undefined) return refused === null ? undefined : refuse(x, refused);
  const verdict = step.check(x);
  return verdict instanceof Promise
    ? verdict.then((late) => take(x, chain, at, late, refused))
    : take(x, chain, at, verdict, refused);
}

function take(x: Exchange, chain: Chain, at: number, verdict: AuthVerdict, refused: Fault | null): Step {
  const { enough, count } = chain.steps[at]!;
  if (verdict === null || isFault(verdict)) {
    count(verdict === null ? 'missing' : verdict.code);
    // A credential that was refused says more than one that is missing.
    const why = verdict ?? refused ?? chain.missing;
    return enough ? ask(x, chain, at + 1, why) : refuse(x, why);
  }
  count('accepted');
  identify(x, verdict);
  return enough ? undefined : ask(x, chain, at + 1, null);
}

function identify(x: Exchange, identity: Identity): void {
  x.identity = x.identity === null ? identity : mergeIdentities(x.identity, identity);
  if (x.identity.consumer !== null) x.note('consumer', x.identity.consumer);
}

const refuse = (x: Exchange, { code, detail, headers }: Fault): Reply =>
  problemReply(code, detail, x.id, headers);
