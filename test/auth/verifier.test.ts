import { readdirSync, readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { Piscina } from 'piscina';
import { expect, test, vi } from 'vitest';
import { ecKey, forge, now, realVerifier } from './support.ts';

const key = ecKey('k');
const jwk = JSON.stringify(key.jwk);
const token = (n: number) => forge(key.privateKey, { alg: 'ES256' }, { n, exp: now() + 60 });

test('good and bad signatures of one batch are told apart', async () => {
  const verifier = realVerifier();
  verifier.start();
  const tokens = [1, 2, 3].map(token);
  tokens[1] = `${tokens[1]!.slice(0, -4)}AAAA`;
  const all = tokens.map(async (each) => verifier.signature(each, 'ES256', jwk));
  expect(await Promise.all(all)).toEqual([true, false, true]);
  expect(await verifier.signature(tokens[0]!, 'ES256', JSON.stringify(ecKey().jwk))).toBe(false);
});

test('what is asked in one turn leaves in few messages', async () => {
  using run = vi.spyOn(Piscina.prototype, 'run');
  const verifier = realVerifier();
  verifier.start();
  const all = Array.from({ length: 64 }, async (_, n) => verifier.signature(token(n), 'ES256', jwk));
  expect(new Set(await Promise.all(all))).toEqual(new Set([true]));
  expect(run).toHaveBeenCalledTimes(2);
});

test('what is asked turn after turn leaves in at most one message a millisecond', async () => {
  using run = vi.spyOn(Piscina.prototype, 'run');
  const verifier = realVerifier();
  verifier.start();
  const one = token(1);
  await verifier.signature(one, 'ES256', jwk);
  const began = performance.now();
  const answers: Promise<boolean | null>[] = [];
  while (answers.length < 200) {
    answers.push(verifier.signature(one, 'ES256', jwk)!);
    // Longer than a check takes: the thread is free again, and is not woken.
    const until = performance.now() + 0.3;
    while (performance.now() < until) await new Promise(setImmediate);
  }
  expect(new Set(await Promise.all(answers))).toEqual(new Set([true]));
  // A full message does not wait.
  const most = performance.now() - began + answers.length / 32 + 2;
  expect(run.mock.calls.length).toBeLessThanOrEqual(most);
});

test('there is no thread before it is asked for, and no answer without one', () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
  const verifier = realVerifier();
  expect(verifier.signature(token(1), 'ES256', jwk)).toBeNull();
  expect(process.getActiveResourcesInfo().filter((name) => name === 'MessagePort')).toHaveLength(before);
});

test('the queue is bounded, and what is in it is answered', async () => {
  const verifier = realVerifier();
  verifier.start();
  const one = token(1);
  const answers = Array.from({ length: 3000 }, () => verifier.signature(one, 'ES256', jwk));
  const taken = answers.filter((each) => each !== null);
  expect(taken).toHaveLength(1024);
  // On a busy machine some may wait longer than a client would.
  const settled = await Promise.all(taken);
  expect(settled.every((each) => each === true || each === null)).toBe(true);
  expect(settled[0]).toBe(true);
});

test.runIf(process.platform === 'linux')('threads yield to everything else', async () => {
  const verifier = realVerifier();
  verifier.start();
  await verifier.signature(token(1), 'ES256', jwk);
  const nice = readdirSync('/proc/self/task').map((id) =>
    Number(
      readFileSync(`/proc/self/task/${id}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[16],
    ),
  );
  expect(nice).toContain(19);
  // The event loop's own priority is as it was.
  const own = readFileSync(`/proc/self/task/${String(process.pid)}/stat`, 'utf8').replace(/^.*\) /s, '');
  expect(Number(own.split(' ')[16])).toBe(getPriority());
});
