import type { ReplyHead } from '../../contracts/http.ts';
import type { Site } from '../../contracts/policy.ts';
import { flat } from '../../lib/flat.ts';
import type { Ledger, Take } from './limit-ledger.ts';

/** Writes on a reply what the limits said. */
export type Tell = (reply: ReplyHead, ledger: Ledger) => void;

/** How replies tell of limits; null = not at all. */
export function tellerOf(kind: Site['rateLimitHeaders']): Tell | null {
  switch (kind) {
    case 'standard':
      return tellStandard;
    case 'legacy':
      return tellLegacy;
    case 'both':
      return (reply, ledger) => {
        tellStandard(reply, ledger);
        tellLegacy(reply, ledger);
      };
    case 'none':
      return null;
  }
}

const STANDARD = ['ratelimit-policy', 'ratelimit'];
const LEGACY = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'];

const seconds = (ms: number): number => Math.ceil(ms / 1000);
const left = ({ verdict }: Take): number => (verdict > 0 ? verdict : 0);
const isAnswered = ({ verdict }: Take): boolean => !Number.isNaN(verdict);

/** A member of RateLimit-Policy: quota, and the seconds in which it is refilled. */
export function policyText(quoted: string, quota: number, refillMs: number | null): string {
  return refillMs === null
    ? `${quoted};q=${quota};qu="concurrent-requests"`
    : `${quoted};q=${quota};w=${seconds(refillMs)}`;
}

/** RateLimit-Policy and RateLimit: lists of structured fields, in the order in which the limits were asked. */
function tellStandard(reply: ReplyHead, { last }: Ledger): void {
  if (last === null) return;
  if (last.before !== null) return tellSeveral(reply, last);
  if (!isAnswered(last)) return;
  reply.replace(STANDARD, last.tariff.beginning + left(last) + resetText(last) + '\r\n');
}

/** The end of the last state that had one: what a text costs is the number of its parts. */
const lastReset = { seconds: NaN, text: '' };

function resetText({ tariff, resetMs }: Take): string {
  if (tariff.concurrent) return '';
  const wait = seconds(resetMs);
  if (wait !== lastReset.seconds) {
    lastReset.seconds = wait;
    lastReset.text = `;t=${wait}`;
  }
  return lastReset.text;
}

/** Both fields of a limit that is alone, up to what is left of it. */
export const beginningText = (policy: string, quoted: string): string =>
  flat(`ratelimit-policy: ${policy}\r\nratelimit: ${quoted};r=`);

function tellSeveral(reply: ReplyHead, last: Take): void {
  let policies = '';
  let states = '';
  for (let take: Take | null = last; take !== null; take = take.before) {
    if (!isAnswered(take)) continue;
    const { policy, quoted } = take.tariff;
    const state = `${quoted};r=${left(take)}${resetText(take)}`;
    policies = policies === '' ? policy : `${policy}, ${policies}`;
    states = states === '' ? state : `${state}, ${states}`;
  }
  if (states === '') return;
  reply.replace(STANDARD, `ratelimit-policy: ${policies}\r\nratelimit: ${states}\r\n`);
}

/** X-RateLimit-*: one limit only, the one that allows least. Reset is in seconds from now. */
function tellLegacy(reply: ReplyHead, { last }: Ledger): void {
  let least: Take | null = null;
  for (let take = last; take !== null; take = take.before)
    if (isAnswered(take) && !take.tariff.shadow && (least === null || left(take) <= left(least)))
      least = take;
  if (least === null) return;
  reply.replace(
    LEGACY,
    `x-ratelimit-limit: ${least.tariff.capacity}\r\n` +
      `x-ratelimit-remaining: ${left(least)}\r\n` +
      `x-ratelimit-reset: ${seconds(least.resetMs)}\r\n`,
  );
}
