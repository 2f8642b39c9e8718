import { expect, test } from 'vitest';
import { PasswordDesk } from '../../src/auth/password-desk.ts';
import { hashPassword, isPassword, parsePasswordHash } from '../../src/auth/password.ts';
import { basicCredentials } from '../../src/contracts/consumer.ts';

/** Cheap enough for many tries: N = 1024. */
const CHEAP = `$scrypt$ln=10,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

test('a hash is one that the schema takes, and fits its password only', async () => {
  const hash = await hashPassword('pä:ss');
  expect(basicCredentials.parse({ hash })).toEqual({ hash });
  const stored = parsePasswordHash(hash);
  expect(await isPassword('pä:ss', stored)).toBe(true);
  expect(await isPassword('pä:sS', stored)).toBe(false);
});

test('a good password is remembered, for its hash and for a time', async () => {
  const hash = await hashPassword('word');
  const desk = new PasswordDesk({ rememberMs: 200 });
  expect(desk.isKnown('word', hash)).toBe(false);
  expect(await desk.ask('word', hash)).toBe(true);
  expect(desk.isKnown('word', hash)).toBe(true);
  expect(desk.isKnown('word', CHEAP)).toBe(false);
  expect(desk.isKnown('word', undefined)).toBe(false);
  await expect.poll(() => desk.isKnown('word', hash)).toBe(false);
});

test('a wrong password and a name that nobody has are not remembered', async () => {
  const desk = new PasswordDesk();
  expect(await desk.ask('word', CHEAP)).toBe(false);
  expect(await desk.ask('word', undefined)).toBe(false);
  expect(desk.isKnown('word', CHEAP)).toBe(false);
});

test('equal ones in flight are tried once, and too many others are turned away', async () => {
  const desk = new PasswordDesk({ running: 1, waiting: 2 });
  const first = desk.ask('a', CHEAP);
  expect(desk.ask('a', CHEAP)).toBe(first);
  const rest = ['b', 'c', 'd', 'e'].map((password) => desk.ask(password, CHEAP));
  expect(rest.filter((each) => each === null)).toHaveLength(2);
  expect(await Promise.all([first, ...rest])).toEqual([false, false, false, null, null]);
  expect(await desk.ask('d', CHEAP)).toBe(false);
});
