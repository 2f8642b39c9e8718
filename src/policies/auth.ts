import { z } from 'zod';
import { isFault } from '../contracts/auth.ts';
import type { AuthVerdict, BoundAuthenticator } from '../contracts/auth.ts';
import { consumerId } from '../contracts/consumer.ts';
import type { Exchange } from '../contracts/exchange.ts';
import { FAULTS, type Fault } from '../contracts/fault.ts';
import type { Headers, Identity, Reply } from '../contracts/http.ts';
import type { Count, Hooks, Policy, Site, Step } from '../contracts/policy.ts';
import { makeIdentity, mergeIdentities } from '../lib/identity.ts';
import { problemReply } from '../lib/problem.ts';

const schema = z.strictObject({
  anyOf: z
    .array(z.string())
    .min(1, 'an empty list lets nobody in: name an authenticator, or leave the key out')
    .optional()
    .describe('Authenticators of which one suffices; those of the route that are not named must all pass.'),
  anonymous: consumerId
    .optional()
    .describe('Consumer that callers without any credential are; a bad credential is refused all the same.'),
});

/** Runs the authenticators of a route: all of them, or any one of those in `anyOf`. */
export const auth: Policy<z.output<typeof schema>> = { name: 'auth', schema, compile };

/** An authenticator in the order in which they are asked. */
interface Turn {
  readonly method: BoundAuthenticator;
  /** One of those of which one suffices. */
  readonly isOption: boolean;
  readonly accepted: Count;
  readonly refused: Count;
  readonly unavailable: Count;
}

interface Plan {
  readonly turns: readonly Turn[];
  readonly hasOptions: boolean;
  /** Take the credentials out of what the upstream is sent. */
  readonly conceal: readonly ((x: Exchange) => void)[];
  readonly anonymous: Identity | null;
  readonly challenges: Headers;
  readonly passedAnonymous: Count;
  readonly missing: Count;
}

function compile({ anyOf, anonymous }: z.output<typeof schema>, site: Site): Hooks | null {
  const methods = site.authenticators();
  const { services, route } = site;
  if (methods.length === 0) return null;
  const count = (method: string, outcome: string) => services.counter('auth', route.id, method, outcome);
  const turnOf = (method: BoundAuthenticator, isOption: boolean): Turn => ({
    method,
    isOption,
    accepted: count(method.name, 'accepted'),
    refused: count(method.name, 'refused'),
    unavailable: count(method.name, 'unavailable'),
  });
  const isOption = ({ name }: BoundAuthenticator) => anyOf?.includes(name) === true;
  const plan: Plan = {
    turns: [
      ...methods.filter((each) => !isOption(each)).map((each) => turnOf(each, false)),
      ...methods.filter(isOption).map((each) => turnOf(each, true)),
    ],
    hasOptions: methods.some(isOption),
    conceal: methods.flatMap(({ conceal }) => (conceal === null ? [] : [conceal])),
    anonymous: anonymous === undefined ? null : consumerIdentity(anonymous, site),
    challenges: methods.flatMap(({ challenge }) => ['www-authenticate', challenge]),
    passedAnonymous: count('anonymous', 'accepted'),
    missing: count('none', 'missing'),
  };
  return { request: (x) => ask(x, plan, 0, new Findings()) };
}

function consumerIdentity(id: string, { consumers }: Site): Identity {
  return makeIdentity({ consumer: id, groups: consumers.get(id)?.groups ?? [] });
}

/** What the looks at the credentials of one request have found so far. */
class Findings {
  identity: Identity | null = null;
  /** Of one that must pass: its credential was not there; it was refused. */
  isMissing = false;
  refusal: Fault | null = null;
  /** Of those of which one suffices: whether one has passed, and why another has not. */
  isChosen = false;
  optionRefusal: Fault | null = null;
}

function ask(x: Exchange, plan: Plan, from: number, found: Findings): Step {
  for (let i = from; i < plan.turns.length; i++) {
    const turn = plan.turns[i]!;
    if (turn.isOption && found.isChosen) break;
    const verdict = turn.method.check(x);
    if (verdict instanceof Promise)
      return verdict.then((late) => {
        take(late, turn, found);
        return ask(x, plan, i + 1, found);
      });
    take(verdict, turn, found);
  }
  return conclude(x, plan, found);
}

function take(verdict: AuthVerdict, turn: Turn, found: Findings): void {
  if (verdict === null) {
    found.isMissing ||= !turn.isOption;
  } else if (isFault(verdict)) {
    (FAULTS[verdict.code].status === 503 ? turn.unavailable : turn.refused).inc();
    if (turn.isOption) found.optionRefusal ??= verdict;
    else found.refusal ??= verdict;
  } else {
    turn.accepted.inc();
    found.identity = found.identity === null ? verdict : mergeIdentities(found.identity, verdict);
    found.isChosen ||= turn.isOption;
  }
}

function conclude(x: Exchange, plan: Plan, found: Findings): undefined | Reply {
  const { identity } = found;
  const isOpen = plan.hasOptions && !found.isChosen;
  const refusal = found.refusal ?? (isOpen ? found.optionRefusal : null);
  if (refusal !== null) return refuse(x, plan, refusal);
  if (identity !== null && !found.isMissing && !isOpen) return pass(x, plan, identity);
  if (identity === null && plan.anonymous !== null) {
    plan.passedAnonymous.inc();
    return pass(x, plan, plan.anonymous);
  }
  plan.missing.inc();
  return problemReply('unauthorized', DETAIL, x.id, plan.challenges);
}

function pass(x: Exchange, { conceal }: Plan, identity: Identity): undefined {
  for (let i = 0; i < conceal.length; i++) conceal[i]!(x);
  x.identity = identity;
  if (identity.consumer !== null) x.note('consumer', identity.consumer);
}

/** The same words whatever was wrong: they tell an attacker nothing. */
const DETAIL = 'Credentials are missing or not accepted.';

function refuse(x: Exchange, { challenges }: Plan, { code, detail, headers }: Fault): Reply {
  if (code !== 'unauthorized') return problemReply(code, detail, x.id, headers);
  return problemReply(code, DETAIL, x.id, headers ?? challenges);
}
