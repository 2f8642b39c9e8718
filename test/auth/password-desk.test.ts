import { expect, test } from 'vitest';
import { PasswordDesk } from '../../src/auth/password-desk.ts';
import { hashPassword, isPassword, parsePasswordHash } from '../../src/auth/password.ts';
import { basicCredentials } from '../../src/contracts/consumer.ts';
import { realVerifier } from './support.ts';

/** Cheap enough for many tries: N = 1024. */
const CHEAP = `$scrypt$ln=10,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

test('a hash is one that the schema takes, and fits its password only', () => {
  const hash = hashPassword('pä:ss');
  expect(basicCredentials.parse({ hash })).toEqual({ hash });
  const stored = parsePasswordHash(hash);
  expect(isPassword('pä:ss', stored)).toBe(true);
  expect(isPassword('pä:sS', stored)).toBe(false);
});

test('a good password is remembered, for its hash and for a time', async () => {
  const hash = hashPassword('word');
  const desk = new PasswordDesk(realVerifier(), 1_000);
  expect(desk.isKnown('word', hash)).toBe(false);
  expect(await desk.ask('word', hash)).toBe(true);
  expect(desk.isKnown('word', hash)).toBe(true);
  expect(desk.isKnown('word', CHEAP)).toBe(false);
  expect(desk.isKnown('word', undefined)).toBe(false);
  await expect.poll(() => desk.isKnown('word', hash)).toBe(false);
});

test('a wrong password and a name that nobody has are not remembered', async () => {
  const desk = new PasswordDesk(realVerifier());
  expect(await desk.ask('word', CHEAP)).toBe(false);
  expect(await desk.ask('word', undefined)).toBe(false);
  expect(desk.isKnown('word', CHEAP)).toBe(false);
});

test('equal ones in flight are tried once, and too many others are turned away', async () => {
  const desk = new PasswordDesk(realVerifier());
  const first = desk.ask('0', CHEAP);
  expect(desk.ask('0', CHEAP)).toBe(first);
  const rest = Array.from({ length: 99 }, (_, i) => desk.ask(String(i + 1), CHEAP));
  const taken = [first, ...rest].filter((each) => each !== null);
  expect(taken.length).toBeGreaterThanOrEqual(32);
  expect(taken.length).toBeLessThan(40);
  expect(new Set(await Promise.all(taken))).toEqual(new Set([false]));
  expect(await desk.ask('99', CHEAP)).toBe(false);
});

test('the event loop is free, and tokens are checked, while passwords are tried', async () => {
  const verifier = realVerifier();
  verifier.start();
  const jwk = JSON.stringify({ kty: 'oct', k: Buffer.alloc(32).toString('base64url') });
  await verifier.signature('a.b.c', 'HS256', jwk);
  const hash = hashPassword('word');
  let tried = 0;
  const tries = [1, 2, 3, 4].map(async (n) => {
    await verifier.password(String(n), hash);
    tried++;
  });
  let turns = 0;
  while (tried === 0) {
    await verifier.signature(`a.${String(turns)}.c`, 'HS256', jwk);
    turns++;
  }
  // The first of them takes 0.2 s.
  expect(turns).toBeGreaterThan(20);
  await Promise.all(tries);
});
