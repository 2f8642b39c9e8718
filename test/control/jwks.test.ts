import { describe, expect, test, vi } from 'vitest';
import { fetchJson } from '../../src/control/fetch-json.ts';
import { JwksFetcher, type JwksTimes } from '../../src/control/jwks.ts';
import type { GatewayConfig } from '../../src/contracts/config.ts';
import { FactBoard } from '../../src/ipc/facts.ts';
import { bear, compileJwt, ecKey, forge, now, outcome } from '../auth/support.ts';
import { atEnd } from '../support/cleanup.ts';
import { makeKey, sign, startIssuer, type SigningKey } from '../support/issuer.ts';
import { startOrigin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { testLog } from './support.ts';

const configOf = (...urls: string[]) =>
  ({
    policies: { jwt: { issuers: urls.map((jwksUrl) => ({ jwksUrl })) } },
    routes: [],
  }) as unknown as GatewayConfig;

/** A primary and a worker that tell each other facts without a process between them. */
function node(times: Partial<JwksTimes> = {}) {
  const primary: FactBoard = new FactBoard((fact) => {
    primary.keep(fact);
    queueMicrotask(() => {
      worker.keep(fact);
      worker.hear(fact);
    });
  });
  const worker: FactBoard = new FactBoard((fact) => queueMicrotask(() => primary.hear(fact)));
  const { log, lines } = testLog();
  const fetcher = new JwksFetcher(primary, log, times);
  atEnd(() => fetcher.close());
  return { fetcher, worker, lines };
}

const jwt = (url: string) => ({ issuers: [{ issuer: 'i', jwksUrl: url }] });
const body = () => ({ iss: 'i', exp: now() + 60 });

describe('rotation', () => {
  test('the first bearer of a new key waits for it and is let in; a withdrawn key is refused at once', async () => {
    const [old, fresh] = [await makeKey('old'), await makeKey('new')];
    const issuer = await startIssuer(old);
    const { fetcher, worker } = node({ unknownKid: 0 });
    fetcher.follow(configOf(issuer.url));
    const check = compileJwt(jwt(issuer.url), { facts: worker });
    const token = await sign(old, body());
    // The set itself is still on its way when the first request comes.
    expect(await outcome(check, token)).toBe('accepted');
    issuer.keys = [old.jwk, fresh.jwk];
    expect(await outcome(check, await sign(fresh, body()))).toBe('accepted');
    expect(bear(check, token)).toHaveProperty('fields');
    issuer.keys = [fresh.jwk];
    await outcome(check, await sign(await makeKey('x'), body()));
    expect(await outcome(check, token)).toBe('unauthorized');
    // The same name for another key: what the old one proved is not proved.
    const replaced = await makeKey('new');
    const signed = await sign(fresh, body());
    expect(await outcome(check, signed)).toBe('accepted');
    issuer.keys = [replaced.jwk];
    await outcome(check, await sign(await makeKey('y'), body()));
    expect(await outcome(check, signed)).toBe('unauthorized');
    expect(await outcome(check, await sign(replaced, body()))).toBe('accepted');
  });

  test('under load: a key published as long before its use as unknown keys are asked for gives no false 401', async () => {
    const PERIOD = 400;
    const old = await makeKey('k0');
    const issuer = await startIssuer(old);
    const { fetcher, worker } = node({ unknownKid: PERIOD });
    fetcher.follow(configOf(issuer.url));
    const check = compileJwt(jwt(issuer.url), { facts: worker });
    const junk = await makeKey('junk');
    const outcomes: string[] = [];
    let current = old;
    let flooding = true;
    // Forged tokens use up every permission to ask, at the worst moments.
    const flood = (async () => {
      for (let n = 0; flooding; n++) {
        await Promise.all(
          [1, 2, 3].map(async (i) => outcome(check, await sign({ ...junk, kid: `x${n}-${i}` }, body()))),
        );
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    const load = (async () => {
      while (flooding) {
        outcomes.push(await outcome(check, await sign(current, body())));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    for (let i = 1; i <= 4; i++) {
      const next = await makeKey(`k${i}`);
      issuer.keys = [...issuer.keys, next.jwk];
      await new Promise((resolve) => setTimeout(resolve, PERIOD + 10));
      current = next;
      await new Promise((resolve) => setTimeout(resolve, 37 * i));
    }
    flooding = false;
    await Promise.all([flood, load]);
    expect(outcomes.length).toBeGreaterThan(50);
    expect(new Set(outcomes)).toEqual(new Set(['accepted']));
  });

  test('however many unknown keys come, the issuer is asked once in a period', async () => {
    const key = await makeKey('k');
    const issuer = await startIssuer(key);
    const { fetcher, worker } = node();
    fetcher.follow(configOf(issuer.url));
    const check = compileJwt(jwt(issuer.url), { facts: worker });
    expect(await outcome(check, await sign(key, body()))).toBe('accepted');
    const started = performance.now();
    for (let n = 0; n < 200; n++)
      expect(await outcome(check, await sign({ ...key, kid: `x${n}` }, body()))).toBe('unauthorized');
    // None of them waited for an answer that could not come.
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(issuer.origin.requests).toHaveLength(1);
  });
});

test('with the times of a gateway that is not tested: asked once in 30 s, and never too late for a key of 30 s', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  atEnd(() => Promise.resolve(void vi.useRealTimers()));
  const began = Date.now();
  const [old, fresh] = [await makeKey('old'), await makeKey('new')];
  const issuer = await startIssuer(old);
  const { fetcher, worker } = node();
  fetcher.follow(configOf(issuer.url));
  const check = compileJwt(jwt(issuer.url), { facts: worker });
  /** What a new token of that key is worth, so many seconds after the start, and how often the issuer was asked. */
  const at = async (seconds: number, key: SigningKey) => {
    vi.setSystemTime(began + seconds * 1000);
    return [await outcome(check, await sign(key, body())), issuer.origin.requests.length];
  };
  const forged = async (n: number) => makeKey(`x${n}`);
  expect(await at(0, old)).toEqual(['accepted', 1]);
  for (const seconds of [1, 10, 29.9])
    expect(await at(seconds, await forged(1))).toEqual(['unauthorized', 1]);
  for (let n = 0; n < 20; n++) expect(await at(30.5, await forged(n))).toEqual(['unauthorized', 2]);
  // The worst moment: published just after the issuer was asked.
  issuer.keys = [old.jwk, fresh.jwk];
  expect(await at(60.4, await forged(2))).toEqual(['unauthorized', 2]);
  expect(await at(60.5, fresh)).toEqual(['accepted', 3]);
  expect(await at(60.6, old)).toEqual(['accepted', 3]);
});

describe('an issuer that fails', () => {
  test('its keys stay, it is asked again, and the log says so without its answer', async () => {
    const key = await makeKey('k');
    const issuer = await startIssuer(key);
    const { fetcher, worker, lines } = node({ refresh: 30, shortest: 30, retry: 20, unknownKid: 0 });
    fetcher.follow(configOf(issuer.url));
    const check = compileJwt(jwt(issuer.url), { facts: worker });
    expect(await outcome(check, await sign(key, body()))).toBe('accepted');
    const failures: ((response: Parameters<NonNullable<typeof issuer.instead>>[0]) => void)[] = [
      (response) => response.writeHead(500).end('s3cret'),
      (response) => response.end('s3cret, not JSON'),
      (response) => response.end('{"keys":"s3cret"}'),
      (response) => response.writeHead(302, { location: `${issuer.url}/other` }).end(),
      (response) => response.destroy(),
    ];
    for (const instead of failures) {
      issuer.instead = instead;
      const before = issuer.origin.requests.length;
      await expect.poll(() => issuer.origin.requests.length).toBeGreaterThan(before + 1);
      expect(await outcome(check, await sign(key, body()))).toBe('accepted');
    }
    issuer.instead = null;
    await expect.poll(() => lines.map(({ msg }) => msg)).toContain('key set is fetched again');
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });

  test('keys that were never there are nobody’s fault: 503', async () => {
    const issuer = await startIssuer();
    issuer.instead = (response) => response.writeHead(404).end();
    const { fetcher, worker } = node();
    fetcher.follow(configOf(issuer.url));
    const check = compileJwt(jwt(issuer.url), { facts: worker });
    const key = await makeKey('k');
    expect(await outcome(check, await sign(key, body()))).toBe('auth_unavailable');
  });

  test('a key that cannot be used is left out with a warning that does not show it', async () => {
    const good = await makeKey('good');
    const issuer = await startIssuer(good);
    const secret = Buffer.alloc(64, 7).toString('base64url');
    issuer.keys = [
      { kty: 'oct', k: secret, kid: 'shared' },
      { ...good.jwk, kid: 'encryption', use: 'enc' },
      { ...good.jwk, kid: 'off the curve', x: good.jwk.y! },
      { kty: 'XYZ', kid: 'unheard of' },
      good.jwk,
    ];
    const { fetcher, worker, lines } = node();
    fetcher.follow(configOf(issuer.url));
    const check = compileJwt(jwt(issuer.url), { facts: worker });
    expect(await outcome(check, await sign(good, body()))).toBe('accepted');
    const warning = lines.find(({ msg }) => msg === 'keys of a set cannot be used');
    expect((warning?.['skipped'] as { kid: string }[]).map(({ kid }) => kid)).toEqual([
      'shared',
      'encryption',
      'off the curve',
      'unheard of',
    ]);
    expect(JSON.stringify(lines)).not.toContain(secret);
    const shared = ecKey('shared');
    expect(await outcome(check, forge(shared.privateKey, { alg: 'ES256', kid: 'shared' }, body()))).toBe(
      'unauthorized',
    );
  });

  test('sets that nobody names any more are forgotten', async () => {
    const key = await makeKey('k');
    const [first, second] = [await startIssuer(key), await startIssuer(key)];
    const { fetcher, worker } = node({ refresh: 20, shortest: 20 });
    fetcher.follow(configOf(first.url));
    await expect.poll(() => worker.get('jwks', first.url)?.keys).toHaveLength(1);
    fetcher.follow(configOf(second.url));
    await expect.poll(() => worker.get('jwks', second.url)?.keys).toHaveLength(1);
    expect(worker.get('jwks', first.url)).toBeUndefined();
  });
});

describe('fetching', () => {
  test('max-age, size and time are minded', async () => {
    const origin = await startOrigin((request, response) => {
      if (request.url === '/age') response.setHeader('cache-control', 'public, max-age=90').end('[1]');
      else if (request.url === '/big') response.end(JSON.stringify('x'.repeat(600_000)));
    });
    expect(await fetchJson(`${origin.url}/age`, 5_000)).toEqual({ value: [1], maxAge: 90_000 });
    expect(await fetchJson(`${origin.url}/big`, 5_000)).toEqual({ problem: 'it is larger than 512 KB' });
    expect(await fetchJson(`${origin.url}/never`, 50)).toEqual({ problem: 'it does not answer in time' });
    expect(await fetchJson(`http://127.0.0.1:${await freePort()}/`, 5_000)).toEqual({
      problem: 'ECONNREFUSED',
    });
  });
});
