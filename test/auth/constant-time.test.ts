import { timingSafeEqual } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { fits, newKey, parseKeyHash } from '../../src/auth/key-hash.ts';
import { hashPassword, isPassword, parsePasswordHash } from '../../src/auth/password.ts';

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof import('node:crypto')>();
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) };
});

// A comparison that ends at the first difference cannot be told by its time alone on a busy machine.
test('keys and passwords are compared as a whole, whatever is wrong with them', () => {
  const { key, hash } = newKey();
  const stored = parseKeyHash(hash);
  for (const [shown, good] of [
    [key, true],
    [`${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}`, false],
    ['x', false],
  ] as const) {
    vi.mocked(timingSafeEqual).mockClear();
    expect(fits(shown, stored)).toBe(good);
    expect(timingSafeEqual).toHaveBeenCalledOnce();
  }
  const password = parsePasswordHash(hashPassword('correct horse'));
  for (const [word, good] of [
    ['correct horse', true],
    ['wrong', false],
  ] as const) {
    vi.mocked(timingSafeEqual).mockClear();
    expect(isPassword(word, password)).toBe(good);
    expect(timingSafeEqual).toHaveBeenCalledOnce();
  }
});
