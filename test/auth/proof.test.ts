import { createPublicKey, type KeyObject } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Fact, FactValues } from '../../src/contracts/facts.ts';
import { FactBoard } from '../../src/ipc/facts.ts';
import { bear, compileJwt, ecKey, forge, now, outcome } from './support.ts';

const claims = (more: object = {}) => ({ iss: 'i', sub: 'u1', exp: now() + 60, ...more });
const signed = (privateKey: KeyObject, kid?: string, more?: object) =>
  forge(privateKey, { alg: 'ES256', ...(kid === undefined ? {} : { kid }) }, claims(more));
const pem = ({ jwk }: { jwk: object }) =>
  String(createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' }));

const URL_OF_SET = 'http://127.0.0.1:1/jwks';

/** A worker's end of the facts, and an issuer whose set is what the test says. */
function keySetAtUrl(...keys: object[]) {
  const asked: string[] = [];
  let whenAsked: (() => void) | null = null;
  const facts = new FactBoard(({ kind, id }: Fact) => {
    asked.push(`${kind} ${id}`);
    whenAsked?.();
  });
  const publish = (set: object[], more: Partial<FactValues['jwks']> = {}): void => {
    const value = { keys: set, askAgainAt: 0, current: true, ...more } as FactValues['jwks'];
    const fact: Fact<'jwks'> = { kind: 'jwks', id: URL_OF_SET, value };
    facts.keep(fact);
    facts.hear(fact);
  };
  publish(keys);
  return {
    facts,
    asked,
    publish,
    /** What the issuer does when it is asked. */
    onAsked: (action: () => void) => void (whenAsked = action),
  };
}
const byUrl = { issuer: 'i', jwksUrl: URL_OF_SET };

describe('several entries for one issuer', () => {
  const [first, second] = [ecKey(), ecKey()];

  test('a token of the second is never refused while the first is tried', async () => {
    const check = compileJwt({
      issuers: [first, second].map((key) => ({ issuer: 'i', publicKey: pem(key) })),
    });
    for (const more of [{ n: 1 }, { n: 2 }, { n: 3 }]) {
      const token = signed(second.privateKey, undefined, more);
      const outcomes: Promise<string>[] = [];
      for (let i = 0; i < 200; i++) {
        outcomes.push(outcome(check, token));
        await turn();
      }
      expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['accepted']));
    }
  });

  test('one that does not answer does not take the others with it', async () => {
    const { facts, publish } = keySetAtUrl();
    publish([], { askAgainAt: Infinity, current: false });
    const check = compileJwt({ issuers: [byUrl, { issuer: 'i', publicKey: pem(second) }] }, { facts });
    expect(await outcome(check, signed(second.privateKey))).toBe('accepted');
    // It may be a token of the one that does not answer.
    expect(await outcome(check, signed(first.privateKey))).toBe('auth_unavailable');
  });

  test('a token that none has signed is refused, and no thread is asked again', async () => {
    const check = compileJwt({
      issuers: [first, second].map((key) => ({ issuer: 'i', publicKey: pem(key) })),
    });
    const token = signed(ecKey().privateKey);
    expect(await outcome(check, token)).toBe('unauthorized');
    expect(bear(check, token)).toHaveProperty('code', 'unauthorized');
  });
});

describe('tokens that name no key', () => {
  test('any key of a set may have signed them', async () => {
    const keys = Array.from({ length: 12 }, () => ecKey());
    const check = compileJwt({ issuers: [{ issuer: 'i', jwks: { keys: keys.map(({ jwk }) => jwk) } }] });
    for (const { privateKey } of keys) expect(await outcome(check, signed(privateKey))).toBe('accepted');
    expect(await outcome(check, signed(ecKey().privateKey))).toBe('unauthorized');
  });

  test('nor do they name a new one: its issuer is asked for it', async () => {
    const [old, fresh] = [ecKey('old'), ecKey('fresh')];
    const { facts, asked, onAsked, publish } = keySetAtUrl(old.jwk);
    const check = compileJwt({ issuers: [byUrl] }, { facts });
    expect(await outcome(check, signed(old.privateKey))).toBe('accepted');
    expect(asked).toEqual([]);
    onAsked(() => publish([old.jwk, fresh.jwk], { askAgainAt: Infinity }));
    expect(await outcome(check, signed(fresh.privateKey))).toBe('accepted');
    expect(asked).toEqual([`unknown-kid ${URL_OF_SET}`]);
    expect(await outcome(check, signed(ecKey().privateKey))).toBe('unauthorized');
    expect(asked).toHaveLength(1);
  });

  test('while their issuer does not answer, nobody can say', async () => {
    const old = ecKey('old');
    const { facts, publish } = keySetAtUrl(old.jwk);
    publish([old.jwk], { askAgainAt: Infinity, current: false });
    const check = compileJwt({ issuers: [byUrl] }, { facts });
    expect(await outcome(check, signed(old.privateKey))).toBe('accepted');
    expect(await outcome(check, signed(ecKey().privateKey))).toBe('auth_unavailable');
    // One that names a key we know is forged, whatever the issuer would say.
    expect(await outcome(check, signed(ecKey().privateKey, 'old'))).toBe('unauthorized');
  });
});

test('a token that was refused is looked at again when keys have changed, and so is one whose check is under way', async () => {
  const [old, fresh] = [ecKey('old'), ecKey('fresh')];
  const { facts, publish } = keySetAtUrl(old.jwk);
  publish([old.jwk], { askAgainAt: Infinity });
  const check = compileJwt({ issuers: [byUrl] }, { facts });
  const [refused, underWay] = [1, 2].map((n) => signed(fresh.privateKey, undefined, { n }));
  expect(await outcome(check, refused!)).toBe('unauthorized');
  const early = outcome(check, underWay!);
  publish([old.jwk, fresh.jwk], { askAgainAt: Infinity });
  await early;
  expect(await outcome(check, refused!)).toBe('accepted');
  expect(await outcome(check, underWay!)).toBe('accepted');
});
