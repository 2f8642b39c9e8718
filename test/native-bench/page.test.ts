import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { load } from './modules.ts';
import type { Measured } from './modules.ts';

const { judge, losses } = await load('goals');
const { page } = await load('page');
const { summarise } = await load('report');

const file = join(import.meta.dirname, '..', '..', 'native-bench', 'RESULTS.md');
const run = (cpuPerRequest: number, p99 = 2) => ({ cpuPerRequest, perSecond: 100, p50: 1, p99, p999: 3 });

function measured(round: Record<string, ReturnType<typeof run>>, more: Partial<Measured> = {}): Measured {
  const rounds = [round, round];
  const told = { kind: 'load', title: 'a title', date: '2026-11-23T10:00:00.000Z', seconds: 4 };
  return { ...told, rounds, summary: summarise(rounds), ...more };
}

const scenarios = {
  S1: measured(
    { sluice: run(9), nginx: run(10), haproxy: run(8), undici: run(40), 'fast-gateway': run(20) },
    { missing: [{ name: 'caddy', why: 'it | does\nnot listen' }] },
  ),
  S9: measured({ sluice: run(10), 'sluice x2': run(12), nginx: run(10), 'nginx x2': run(11) }),
  half: measured({ sluice: run(9, 3), nginx: run(10, 2) }, { kind: 'rate' }),
};
const results = { commit: 'abc', machine: { cpu: 'a cpu', cores: 2, kernel: '6.1', node: 'v20' }, scenarios };
const goal = (text: string) => judge(scenarios).find(({ what, scenario }) => `${scenario}: ${what}` === text);

test('each goal has its figure, and no verdict where nothing was measured', () => {
  expect(goal('S1: CPU against nginx')).toMatchObject({ value: 0.9, met: true });
  expect(goal('S1: CPU against undici')).toMatchObject({ value: 0.225, met: true });
  expect(goal('S1: CPU against fast-gateway')).toMatchObject({ value: 0.45, met: false });
  expect(goal('S9: growth of CPU from one worker to two, against nginx')!.value).toBeCloseTo(1.2 / 1.1);
  expect(goal('half: p99 against nginx, each at half of its own most')).toMatchObject({
    value: 1.5,
    met: false,
  });
  const without = ['S1: CPU against fastify-http-proxy', 'S2: CPU against haproxy', 'S4: CPU against nginx'];
  for (const text of without) expect(goal(text)).toMatchObject({ value: undefined, met: undefined });
});

test('a short run says nothing of growth', () => {
  const soak = (minutes: number) => {
    const row = { name: 'sluice', minutes, growth: 1, last: 100 };
    const told = measured({}, { kind: 'soak', summary: [row] });
    return judge({ soak: told }).find(({ scenario }) => scenario === 'soak');
  };
  expect(soak(1)).toMatchObject({ value: undefined, met: undefined });
  expect(soak(10)).toMatchObject({ value: 0.1, met: false });
});

test('where Sluice costs more than another is listed, and only there', () => {
  expect(losses(scenarios)).toEqual([{ scenario: 'S1', other: 'haproxy', value: 1.125 }]);
});

test('the page has the machine, the goals, and every scenario with those who could not take part', () => {
  const text = page(results, ['S9', 'S1']);
  expect(text).toContain('a cpu, 2 cores, Linux 6.1. node v20.');
  expect(text).toMatch(/\| S1: CPU against nginx +\| +0\.95 \| +0\.90 \| +yes \|/);
  expect(text).toMatch(/\| S2: CPU against haproxy +\| +0\.45 \| +- \| not measured \|/);
  expect(text).toContain('- caddy was not measured: it does not listen');
  expect(text.indexOf('## S9')).toBeLessThan(text.indexOf('## S1'));
  expect(text).toContain('## half');
});

test('the page is in the style of the repository', async () => {
  const text = page(results);
  expect(await format(text, { ...(await resolveConfig(file)), parser: 'markdown' })).toBe(text);
});
