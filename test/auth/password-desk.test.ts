import { expect, test } from 'vitest';
import { PasswordDesk } from '../../src/auth/password-desk.ts';
import { makeDirectory } from '../../src/auth/directory.ts';
import { AUTHENTICATORS } from '../../src/auth/index.ts';
import { inertAuth } from '../../src/lib/inert.ts';
import { exchange } from '../policies/exchange.ts';
import { hashOfNobody } from '../../src/auth/password.ts';
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
  expect(desk.isKnown('word', hashOfNobody([]))).toBe(false);
  await expect.poll(() => desk.isKnown('word', hash)).toBe(false);
});

test('a wrong password and a name that nobody has are not remembered', async () => {
  const desk = new PasswordDesk(realVerifier());
  expect(await desk.ask('word', CHEAP)).toBe(false);
  expect(await desk.ask('word', hashOfNobody([]))).toBe(false);
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

test('a name that nobody has is tried against a hash of the usual cost', async () => {
  const hash = (ln: number, n: number) =>
    `$scrypt$ln=${ln},r=8,p=1$${'B'.repeat(22)}$${String(n).repeat(43)}`;
  const consumer = (id: string, stored: string) => ({ id, groups: [], keys: [], basic: { hash: stored } });
  const consumers = makeDirectory([
    consumer('a', hash(10, 1)),
    consumer('b', hash(12, 2)),
    consumer('c', hash(12, 3)),
  ]);
  const tried: string[] = [];
  const password = (_: string, stored: string) => {
    tried.push(stored);
    return Promise.resolve(true);
  };
  const services = { ...inertAuth, verifier: { ...inertAuth.verifier, password } };
  const basic = AUTHENTICATORS.find(({ name }) => name === 'basic')!;
  const check = basic.compile({ realm: 'x' }, { route: { id: 'r', upstreamId: null }, consumers, services });
  const ask = (name: string) =>
    check(exchange({ headers: ['authorization', `Basic ${Buffer.from(`${name}:x`).toString('base64')}`] }));
  // Not even when the threads say yes.
  expect(await ask('nobody')).toMatchObject({ code: 'unauthorized' });
  expect(await ask('b')).toMatchObject({ user: 'b' });
  expect(tried.map((each) => each.split('$')[2])).toEqual(['ln=12,r=8,p=1', 'ln=12,r=8,p=1']);
  expect(hashOfNobody([])).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
});
