import { parseList } from 'structured-headers';
import { describe, expect, test } from 'vitest';
import { Limited } from './limit-walk.ts';
import { PlainStore } from './limit-store.ts';

/** A list of structured fields as `name: parameters`. */
const fields = (value: string | undefined): Record<string, Record<string, unknown>> =>
  Object.fromEntries(
    parseList(value ?? '').map(([name, params]) => [name as string, Object.fromEntries(params)]),
  );

const statuses = async (limited: Limited, ...asked: Parameters<Limited['ask']>[]): Promise<number[]> => {
  const list = [];
  for (const each of asked) list.push((await limited.ask(...each)).status);
  return list;
};

describe('one limit', () => {
  test('lets its amount pass, then refuses with a problem document', async () => {
    const limited = new Limited({ by: 'ip', rate: '2/m' });
    expect(await statuses(limited, [], [], [])).toEqual([200, 200, 429]);
    const { status, get, body, limit } = await limited.ask();
    expect(status).toBe(429);
    expect(get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      instance: 'req-1',
      'violated-policies': ['token-bucket:ip'],
    });
    expect(limit).toBe('token-bucket:ip');
  });

  test('Retry-After is never earlier than the true time', async () => {
    const limited = new Limited({ by: 'ip', rate: '1/m' });
    await limited.ask();
    for (const [now, seconds] of [
      [0, '60'],
      [1, '60'],
      [58_999, '2'],
      [59_001, '1'],
      [59_999, '1'],
    ] as const) {
      limited.store.now = now;
      expect((await limited.ask()).get('retry-after')).toBe(seconds);
    }
    limited.store.now = 60_000;
    expect((await limited.ask()).status).toBe(200);
  });

  test('tells of itself on every reply, in place of what the upstream says', async () => {
    const limited = new Limited({ by: 'ip', rate: '10/s', burst: 4 });
    const first = await limited.ask();
    expect(fields(first.get('ratelimit-policy'))).toEqual({ 'token-bucket:ip': { q: 4, w: 1 } });
    expect(fields(first.get('ratelimit'))).toEqual({ 'token-bucket:ip': { r: 3, t: 1 } });
    const denied = await limited.ask({ deny: 403 });
    expect(fields(denied.get('ratelimit'))).toEqual({ 'token-bucket:ip': { r: 2, t: 1 } });
    await limited.ask({}, 500);
    await limited.ask();
    const refused = await limited.ask();
    expect(refused.status).toBe(429);
    expect(fields(refused.get('ratelimit'))).toEqual({ 'token-bucket:ip': { r: 0, t: 1 } });
    expect(fields(refused.get('ratelimit-policy'))).toEqual({ 'token-bucket:ip': { q: 4, w: 1 } });
  });

  test('a bucket that takes longer to fill says so', async () => {
    const limited = new Limited({ by: 'ip', rate: '10/m', burst: 40 });
    expect(fields((await limited.ask()).get('ratelimit-policy'))).toEqual({
      'token-bucket:ip': { q: 40, w: 240 },
    });
  });

  test('cost takes more at once', async () => {
    const limited = new Limited({ by: 'ip', rate: '10/m', cost: 4 });
    expect(await statuses(limited, [], [], [])).toEqual([200, 200, 429]);
  });

  test('exempt addresses are not counted and not told of anything', async () => {
    const limited = new Limited({ by: 'global', rate: '1/m', exempt: ['10.0.0.0/8', '2001:db8::/32'] });
    const inside = await limited.ask({ ip: '10.1.2.3' });
    expect(inside.get('ratelimit-policy')).toBeUndefined();
    expect(await statuses(limited, [{ ip: '2001:db8::1' }], [], [{ ip: '10.1.2.3' }], [])).toEqual([
      200, 200, 200, 429,
    ]);
  });

  test('every decision is counted, by route and name', async () => {
    const limited = new Limited({ by: 'ip', rate: '1/m', name: 'calls' });
    await statuses(limited, [], []);
    expect(limited.decisions).toEqual([
      'limitDecisions users calls allowed',
      'limitDecisions users calls refused',
    ]);
  });

  test.each([
    ['legacy', false, true],
    ['both', true, true],
    ['none', false, false],
    ['standard', true, false],
  ] as const)('headers: %s', async (headers, standard, legacy) => {
    const limited = new Limited({ by: 'ip', rate: '3/m' }, { headers });
    const { get } = await limited.ask();
    expect(get('ratelimit-policy') !== undefined).toBe(standard);
    expect([get('x-ratelimit-limit'), get('x-ratelimit-remaining'), get('x-ratelimit-reset')]).toEqual(
      legacy ? ['3', '2', '60'] : [undefined, undefined, undefined],
    );
  });
});

describe('what is told to the store', () => {
  const rulesOf = (written: unknown, scope = 'users') => new Limited(written, { scope }).store.rules;

  test('a token bucket', () => {
    expect(rulesOf({ by: 'ip', rate: '100/s', burst: 20 })).toEqual([
      {
        id: 'users/token-bucket:ip',
        algorithm: 'token-bucket',
        amount: 100,
        periodMs: 1000,
        burst: 20,
        exact: false,
      },
    ]);
  });

  test('windows, in flight, exact, and units', () => {
    const [day, hour, flight] = rulesOf([
      { by: 'ip', rate: '7/d', algorithm: 'sliding-window', precision: 'exact' },
      { by: 'ip', rate: '7/h', algorithm: 'fixed-window', name: 'per.hour' },
      { by: ['ip', 'header:X-Tenant'], algorithm: 'concurrency', max: 5 },
    ]);
    expect(day).toMatchObject({ periodMs: 86_400_000, amount: 7, burst: 7, exact: true });
    expect(hour).toMatchObject({ id: 'users/per.hour', periodMs: 3_600_000 });
    expect(flight).toEqual({
      id: 'users/concurrency:ip+header:x-tenant',
      algorithm: 'concurrency',
      amount: 5,
      periodMs: 0,
      burst: 5,
      exact: false,
    });
  });

  test('limits of the root have one identity on every route', () => {
    expect(rulesOf({ by: 'ip', rate: '1/s' }, 'global')[0]!.id).toBe('global/token-bucket:ip');
  });
});

describe('several limits', () => {
  test('say of themselves what each says alone', async () => {
    const limits = [
      { by: 'ip', rate: '10/s', burst: 4, name: 'second' },
      { by: 'ip', algorithm: 'concurrency', max: 3, name: 'at-once' },
      { by: 'ip', rate: '9/m', name: 'minute' },
    ];
    const names = ['ratelimit-policy', 'ratelimit'];
    const told = async (written: unknown) => {
      const { get } = await new Limited(written).ask();
      return names.map((name) => get(name));
    };
    const alone = await Promise.all(limits.map(told));
    expect(await told(limits)).toEqual(names.map((_, i) => alone.map((each) => each[i]).join(', ')));
  });

  test('both fields list all of them in order, Retry-After is the longest, nobody is charged', async () => {
    const limited = new Limited([
      { by: 'ip', rate: '1/s', name: 'second' },
      { by: 'ip', rate: '9/m', name: 'free' },
      { by: 'global', rate: '1/m', name: 'minute' },
    ]);
    await limited.ask();
    limited.store.now = 500;
    const refused = await limited.ask();
    expect(refused.get('retry-after')).toBe('60');
    expect(Object.keys(fields(refused.get('ratelimit-policy')))).toEqual(['second', 'free', 'minute']);
    expect(fields(refused.get('ratelimit'))).toMatchObject({
      second: { r: 0 },
      free: { r: 8 },
      minute: { r: 0 },
    });
    expect(JSON.parse(refused.body)).toMatchObject({ 'violated-policies': ['second', 'minute'] });
    expect(refused.limit).toBe('second');
    expect(limited.store.taken('users/free 192.0.2.7')).toBe(1);
  });

  test('a caller’s limit gives back what the limits before auth took, and their fields are one list', async () => {
    const limited = new Limited([
      { by: 'consumer', rate: '1/m', name: 'mine' },
      { by: 'ip', rate: '9/m', name: 'address' },
    ]);
    const as = { consumer: 'alice' };
    const first = await limited.ask({ as });
    expect(Object.keys(fields(first.get('ratelimit')))).toEqual(['address', 'mine']);
    expect(await statuses(limited, [{ as }], [{ as }])).toEqual([429, 429]);
    expect(limited.store.taken('users/address 192.0.2.7')).toBe(1);
    // Turned away between the two: the one after auth was not asked, and it is a request all the same.
    const denied = await limited.ask({ deny: 401 });
    expect(Object.keys(fields(denied.get('ratelimit')))).toEqual(['address']);
    expect(limited.store.taken('users/address 192.0.2.7')).toBe(2);
  });

  test('legacy fields tell of the one that allows least', async () => {
    const limited = new Limited(
      [
        { by: 'ip', rate: '9/m' },
        { by: 'global', rate: '3/h' },
        { by: 'route', rate: '1/h', mode: 'shadow' },
      ],
      { headers: 'legacy' },
    );
    expect((await limited.ask()).get('x-ratelimit-limit')).toBe('3');
  });
});

describe('shadow', () => {
  test('counts and logs, and refuses nobody', async () => {
    const limited = new Limited({ by: 'ip', rate: '1/m', mode: 'shadow', name: 'trial' });
    expect((await limited.ask()).limit).toBe('');
    const over = await limited.ask();
    expect([over.status, over.limit, over.get('retry-after')]).toEqual([200, 'trial', undefined]);
    expect(fields(over.get('ratelimit'))).toMatchObject({ trial: { r: 0 } });
    expect(limited.decisions).toEqual([
      'limitDecisions users trial allowed',
      'limitDecisions users trial shadow',
    ]);
  });

  test('a refusing limit goes first in the log; what is in shadow counts refused requests too', async () => {
    const limited = new Limited([
      { by: 'ip', rate: '5/m', mode: 'shadow', name: 'trial' },
      { by: 'ip', rate: '1/m', name: 'real' },
    ]);
    await limited.ask();
    expect((await limited.ask()).limit).toBe('real');
    expect(limited.store.taken('users/trial 192.0.2.7')).toBe(2);
  });
});

describe('concurrency', () => {
  const flight = { by: 'ip', algorithm: 'concurrency', max: 2, name: 'flight' };

  test('counts requests until they end, each exactly once', async () => {
    const limited = new Limited(flight);
    const first = await limited.start();
    const second = await limited.start();
    expect(fields(second.answer.get('ratelimit-policy'))).toEqual({
      flight: { q: 2, qu: 'concurrent-requests' },
    });
    expect(fields(second.answer.get('ratelimit'))).toEqual({ flight: { r: 0 } });
    const third = await limited.start();
    expect([third.answer.status, third.answer.get('retry-after')]).toEqual([429, '1']);
    third.finish();
    expect(limited.store.taken('users/flight 192.0.2.7')).toBe(2);
    first.finish();
    expect((await limited.ask()).status).toBe(200);
    second.finish();
    expect(limited.store.taken('users/flight 192.0.2.7')).toBe(0);
  });

  test('is given back at once when another limit refuses, and not again at the end', async () => {
    const limited = new Limited([flight, { by: 'ip', rate: '1/m' }]);
    const running = await limited.start();
    await limited.ask();
    expect(limited.store.given).toEqual(['users/flight 192.0.2.7']);
    running.finish();
    expect(limited.store.taken('users/flight 192.0.2.7')).toBe(0);
  });

  test('in shadow it counts no more than there are', async () => {
    const limited = new Limited({ ...flight, max: 1, mode: 'shadow' });
    const first = await limited.start();
    const second = await limited.start();
    expect(second.answer.limit).toBe('flight');
    second.finish();
    expect(limited.store.taken('users/flight 192.0.2.7')).toBe(1);
    first.finish();
    expect(limited.store.taken('users/flight 192.0.2.7')).toBe(0);
  });

  test('a client that leaves while the store is asked holds nothing', async () => {
    const limited = new Limited(flight);
    limited.store.slow = true;
    await limited.leave()();
    expect(limited.store.taken('users/flight 192.0.2.7')).toBe(0);
    expect(limited.store.given).toHaveLength(1);
  });
});

describe('count: failures', () => {
  const login = { by: 'ip', rate: '2/m', count: 'failures', name: 'login' };

  test('good answers are given back, bad ones stay', async () => {
    const limited = new Limited(login);
    expect(await statuses(limited, [], [], [], [{}, 401], [{}, 500], [{ deny: 403 }])).toEqual([
      200, 200, 200, 401, 500, 403,
    ]);
    expect((await limited.ask()).status).toBe(429);
  });

  test('takes first: guesses in flight count', async () => {
    const limited = new Limited(login);
    limited.store.slow = true;
    const all = Promise.all([1, 2, 3].map(() => limited.ask({}, 401)));
    limited.store.release();
    expect((await all).map(({ status }) => status).sort()).toEqual([401, 401, 429]);
  });

  test('statuses says what a failure is', async () => {
    const limited = new Limited({ ...login, rate: '1/m', statuses: [404] });
    expect(await statuses(limited, [{}, 401], [{}, 404], [])).toEqual([401, 404, 429]);
  });

  test('what is left counts what was given back', async () => {
    const limited = new Limited(login);
    expect(fields((await limited.ask()).get('ratelimit'))).toMatchObject({ login: { r: 2 } });
    expect(fields((await limited.ask({}, 401)).get('ratelimit'))).toMatchObject({ login: { r: 1 } });
  });

  test('a client that leaves without an answer has not failed', async () => {
    const limited = new Limited(login);
    await limited.leave()();
    expect(limited.store.taken('users/login 192.0.2.7')).toBe(0);
  });
});

describe('overrides', () => {
  const tiers = {
    by: 'consumer',
    rate: '1/m',
    name: 'calls',
    overrides: [
      { consumer: 'alice', rate: '2/m' },
      { group: 'gold', rate: '3/m', burst: 4 },
      { group: 'staff', burst: 6 },
    ],
  };

  test('the first that fits counts', async () => {
    const limited = new Limited(tiers);
    const quota = async (as: object) => fields((await limited.ask({ as })).get('ratelimit-policy'))['calls'];
    expect(await quota({ consumer: 'alice', groups: ['gold'] })).toEqual({ q: 2, w: 60 });
    expect(await quota({ consumer: 'bob', groups: ['staff', 'gold'] })).toEqual({ q: 4, w: 80 });
    expect(await quota({ consumer: 'carl', groups: ['staff'] })).toEqual({ q: 6, w: 360 });
    expect(await quota({ consumer: 'dave' })).toEqual({ q: 1, w: 60 });
  });

  test('have buckets of their own: behind one address nobody pays for the others', async () => {
    const limited = new Limited({ ...tiers, by: 'ip' });
    const gold = { consumer: 'g', groups: ['gold'] };
    const results = await statuses(
      limited,
      [{}],
      [{}],
      [{ as: gold }],
      [{ as: gold }],
      [{ as: { consumer: 'alice' } }],
    );
    expect(results).toEqual([200, 429, 200, 200, 200]);
  });
});

describe('buckets', () => {
  /** The key of one request by these parts. */
  const keyOf = async (by: unknown, asked: Parameters<Limited['ask']>[0]): Promise<string> => {
    const limited = new Limited({ by, rate: '1/s', name: 'n' });
    await limited.ask(asked);
    return limited.store.keys[0]!.slice('users/n '.length);
  };
  const two = async (by: unknown, ...[a, b]: Parameters<Limited['ask']>[0][]) =>
    (await keyOf(by, a)) === (await keyOf(by, b)) ? 'one bucket' : 'two';

  test('by address, by network for IPv6', async () => {
    expect(await keyOf('ip', { ip: '192.0.2.1' })).toBe('192.0.2.1');
    const [a, b, c] = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'].map((ip) => ({ ip }));
    expect(await two('ip', a, b)).toBe('one bucket');
    expect(await two('ip', a, c)).toBe('two');
    const wide = new Limited({ by: 'ip', rate: '1/m', ipv6Prefix: 48 });
    expect(await statuses(wide, [a], [c])).toEqual([200, 429]);
  });

  test.each([
    ['user', { user: 'u1' }, { user: 'u2' }],
    ['consumer', { consumer: 'a' }, { consumer: 'b' }],
    ['key', { consumer: 'a', keyId: 'k1' }, { consumer: 'a', keyId: 'k2' }],
  ])('by %s', async (by, a, b) => {
    expect(await two(by, { as: a }, { as: b })).toBe('two');
    expect(await two(by, { as: a, ip: '192.0.2.1' }, { as: a, ip: '192.0.2.2' })).toBe('one bucket');
  });

  test.each(['user', 'consumer', 'key', 'header:x-tenant', 'cookie:sid'])(
    'by %s: without it the address counts',
    async (by) => {
      expect(await keyOf(by, { ip: '192.0.2.1' })).toBe('192.0.2.1');
    },
  );

  test('by header and cookie: what a client sent is not in the key', async () => {
    const one = { headers: ['x-tenant', 'acme', 'cookie', 'sid=s3cret; theme=x'] };
    for (const by of ['header:X-Tenant', 'cookie:sid']) {
      expect(await keyOf(by, one)).not.toMatch(/acme|s3cret/);
      expect(await two(by, one, { headers: ['x-tenant', 'b', 'cookie', 'theme=x;  sid=other'] })).toBe('two');
      expect(await two(by, one, { ...one, ip: '192.0.2.99' })).toBe('one bucket');
    }
    expect((await keyOf('header:x-tenant', { headers: ['x-tenant', 'x'.repeat(9000)] })).length).toBeLessThan(
      64,
    );
  });

  test('no value can stand for another part, or for an address', async () => {
    const victim = { ip: '192.0.2.1' };
    for (const by of ['user', 'consumer', 'header:x-tenant', ['header:x-a', 'header:x-b']])
      for (const evil of ['192.0.2.1', '=192.0.2.1', '9:192.0.2.1'])
        expect(
          await two(by, victim, {
            as: { user: evil, consumer: evil },
            headers: ['x-tenant', evil, 'x-a', evil, 'x-b', evil],
            ip: '192.0.2.9',
          }),
        ).toBe('two');
    const by = ['user', 'consumer'];
    expect(
      await two(by, { as: { user: 'a', consumer: '1:b' } }, { as: { user: 'a1:', consumer: 'b' } }),
    ).toBe('two');
    const long = 'u'.repeat(65);
    const digest = (await keyOf('user', { as: { user: long } })).slice(1);
    expect(await two('user', { as: { user: long } }, { as: { user: digest } })).toBe('two');
  });

  test('by route and global', async () => {
    const store = new PlainStore();
    for (const route of ['a', 'b'])
      await new Limited({ by: ['ip', 'route'], rate: '1/m' }, { scope: 'global', route, store }).ask();
    expect(store.keys).toHaveLength(2);
    expect(await two('global', { ip: '192.0.2.1' }, { ip: '192.0.2.2' })).toBe('one bucket');
  });
});

test('a store that takes its time is waited for, all limits at once', async () => {
  const limited = new Limited([
    { by: 'ip', rate: '1/m', name: 'a' },
    { by: 'global', rate: '1/m', name: 'b' },
  ]);
  limited.store.slow = true;
  const first = limited.ask();
  const second = limited.ask();
  limited.store.release();
  expect([(await first).status, (await second).status]).toEqual([200, 429]);
  expect(Object.keys(fields((await second).get('ratelimit')))).toEqual(['a', 'b']);
});
