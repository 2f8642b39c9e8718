import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { makeDirectory } from '../../src/auth/directory.ts';
import { Rules } from '../../src/auth/rules.ts';
import { inertAuth, noConsumers } from '../../src/lib/inert.ts';
import { exchange } from '../policies/exchange.ts';
import { b64, bear, compileJwt, ecKey, forge, hmac, now, outcome, realVerifier } from './support.ts';

const key = ecKey('k1');
const issuer = { issuer: 'https://id.example', audience: 'api', jwks: { keys: [key.jwk] } };
const header = { alg: 'ES256', kid: 'k1' };
const claims = () => ({ iss: 'https://id.example', aud: 'api', sub: 'u1', exp: now() + 60 });
const good = () => forge(key.privateKey, header, claims());
const check = compileJwt({ issuers: [issuer] });

describe('attacks of RFC 8725', () => {
  const bare = { ...header, kid: undefined };
  const pem = createPublicKey({ key: key.jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const other = ecKey('k1');
  const attacks: Record<string, string> = {
    'no signature (2.1)': `${b64({ alg: 'none' })}.${b64(claims())}.`,
    'none in other cases (2.1)': `${b64({ alg: 'nOnE' })}.${b64(claims())}.AA`,
    'a signature cut off (2.1)': good().split('.').slice(0, 2).join('.') + '.',
    'the public key as an HMAC secret (2.1)': hmac(String(pem), { alg: 'HS256', kid: 'k1' }, claims()),
    'the JWK as an HMAC secret (2.1)': hmac(JSON.stringify(key.jwk), { alg: 'HS256', kid: 'k1' }, claims()),
    'an algorithm that does not fit the key (3.1)': forge(
      key.privateKey,
      { ...header, alg: 'RS256' },
      claims(),
    ),
    'the same key under another hash (3.1)': forge(key.privateKey, { ...header, alg: 'ES384' }, claims()),
    'another key of the same name (2.7)': forge(other.privateKey, header, claims()),
    'an encrypted token (2.3)': `${b64({ alg: 'dir', enc: 'A256GCM' })}..${b64('i')}.${b64('c')}.${b64('t')}`,
    'an embedded key (3.10)': forge(other.privateKey, { ...bare, jwk: other.jwk }, claims()),
    'an embedded key beside a known one (3.10)': forge(key.privateKey, { ...header, jwk: key.jwk }, claims()),
    'a key to be fetched, jku (2.9)': forge(
      key.privateKey,
      { ...header, jku: 'http://127.0.0.1:1/' },
      claims(),
    ),
    'a certificate to be fetched, x5u (2.9)': forge(
      key.privateKey,
      { ...header, x5u: 'http://a/' },
      claims(),
    ),
    'an embedded certificate (3.10)': forge(other.privateKey, { ...bare, x5c: ['MIIB'] }, claims()),
    'compressed claims (3.6)': forge(
      key.privateKey,
      { ...header, zip: 'DEF' },
      deflateRawSync(JSON.stringify(claims())),
    ),
    crit: forge(key.privateKey, { ...header, crit: ['exp'], exp: 1 }, claims()),
    'b64 without crit (RFC 7797)': forge(key.privateKey, { ...header, b64: false }, claims()),
    'a kid that is a path (2.9)': forge(other.privateKey, { ...header, kid: '../../dev/null' }, claims()),
    'a kid that is no text': forge(key.privateKey, { ...header, kid: { $ne: 1 } }, claims()),
    'alg that is no text': forge(key.privateKey, { ...header, alg: ['ES256'] }, claims()),
    'an ECDSA signature of zeros (CVE-2022-21449)': `${good().split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`,
    'another issuer (3.8)': forge(key.privateKey, header, { ...claims(), iss: 'https://evil.example' }),
    'no issuer (3.8)': forge(key.privateKey, header, { ...claims(), iss: undefined }),
    'an issuer in a list': forge(key.privateKey, header, { ...claims(), iss: ['https://id.example'] }),
    'another audience (3.9)': forge(key.privateKey, header, { ...claims(), aud: 'other' }),
    'no audience (3.9)': forge(key.privateKey, header, { ...claims(), aud: undefined }),
    'an audience that only begins like ours': forge(key.privateKey, header, { ...claims(), aud: 'api2' }),
    'an audience with something else in its list': forge(key.privateKey, header, {
      ...claims(),
      aud: ['api', 1],
    }),
    'a token for another purpose (3.11)': forge(key.privateKey, { ...header, typ: 'secevent+jwt' }, claims()),
    'typ that is no text': forge(key.privateKey, { ...header, typ: 1 }, claims()),
    expired: forge(key.privateKey, header, { ...claims(), exp: now() - 1 }),
    'without an end': forge(key.privateKey, header, { ...claims(), exp: undefined }),
    'an end that is text': forge(key.privateKey, header, { ...claims(), exp: String(now() + 60) }),
    'an end beyond numbers': forge(
      key.privateKey,
      header,
      JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999'),
    ),
    'not yet valid': forge(key.privateKey, header, { ...claims(), nbf: now() + 30 }),
    'nbf that is no number': forge(key.privateKey, header, { ...claims(), nbf: null }),
    'issued in the future': forge(key.privateKey, header, { ...claims(), iat: now() + 30 }),
    'sub that is no text': forge(key.privateKey, header, { ...claims(), sub: { admin: true } }),
    'a claim given twice (2.6)': forge(
      key.privateKey,
      header,
      `{"sub":"root",${JSON.stringify(claims()).slice(1)}`,
    ),
    'a header parameter given twice': forge(
      key.privateKey,
      `{"alg":"none",${JSON.stringify(header).slice(1)}`,
      claims(),
    ),
    'a name twice by an escape': forge(
      key.privateKey,
      header,
      `{"s\\u0075b":"root",${JSON.stringify(claims()).slice(1)}`,
    ),
    'claims in a list': forge(key.privateKey, header, [claims()]),
    'nested without end': forge(
      key.privateKey,
      header,
      `{"a":${'['.repeat(3000)}${']'.repeat(3000)},${JSON.stringify(claims()).slice(1)}`,
    ),
    'not UTF-8 (2.6)': forgeBytes(),
    padding: `${good()}=`,
    'a line break': good().replace('.', '\n.'),
    'a fourth part': `${good()}.`,
    'standard base64': good().replaceAll('-', '+').replaceAll('_', '/') + '+',
    'longer than any': forge(key.privateKey, header, { ...claims(), x: 'x'.repeat(9000) }),
  };

  function forgeBytes(): string {
    const text = JSON.stringify({ ...claims(), x: '@' });
    const [before = '', after = ''] = text.split('@');
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)]);
    const [head = ''] = good().split('.');
    return `${head}.${body.toString('base64url')}.${good().split('.')[2] ?? ''}`;
  }

  test.each(Object.entries(attacks))('%s', async (_, token) => {
    expect(await outcome(check, token)).toBe('unauthorized');
  });

  test('none of this would be refused without its flaw', async () => {
    expect(await outcome(check, good())).toBe('accepted');
    expect(await outcome(check, forge(key.privateKey, bare, claims()))).toBe('accepted');
    expect(await outcome(check, forge(key.privateKey, { ...header, typ: 'at+JWT' }, claims()))).toBe(
      'accepted',
    );
    const listed = { ...claims(), aud: ['x', 'api'], nbf: now(), iat: now(), deep: { a: [{ sub: 1 }] } };
    expect(await outcome(check, forge(key.privateKey, header, listed))).toBe('accepted');
  });

  test('the last character has one form only: bits that are not used are zero', async () => {
    const token = good();
    expect(await outcome(check, token)).toBe('accepted');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1)!);
    const twin = token.slice(0, -1) + alphabet[last + 1]!;
    expect(Buffer.from(twin.split('.')[2]!, 'base64url')).toEqual(
      Buffer.from(token.split('.')[2]!, 'base64url'),
    );
    expect(await outcome(check, twin)).toBe('unauthorized');
  });

  test('a good key of one issuer proves nothing of another (2.7), nor a kind of token for one of another (3.12)', async () => {
    const [shop, bank] = [ecKey('k'), ecKey('k')];
    const named = (name: string, jwk: object) => ({ issuer: name, audience: 'api', jwks: { keys: [jwk] } });
    const issuers = [named('shop', shop.jwk), named('bank', bank.jwk)];
    const checked = compileJwt({ issuers });
    const bankOnly = compileJwt({ issuers: issuers.slice(1), typ: 'at+jwt' });
    const from = (iss: string, by: typeof shop, typ?: string) =>
      forge(by.privateKey, { alg: 'ES256', kid: 'k', typ }, { ...claims(), iss });
    expect(await outcome(checked, from('shop', shop))).toBe('accepted');
    expect(await outcome(checked, from('bank', bank))).toBe('accepted');
    expect(await outcome(checked, from('shop', bank))).toBe('unauthorized');
    expect(await outcome(checked, from('bank', shop))).toBe('unauthorized');
    expect(await outcome(bankOnly, from('bank', bank, 'at+jwt'))).toBe('accepted');
    for (const typ of [undefined, 'JWT', 'logout+jwt'])
      expect(await outcome(bankOnly, from('bank', bank, typ))).toBe('unauthorized');
  });

  test('what is wrong before its signature is looked at costs no thread anything', async () => {
    let asked = 0;
    const signature = () => Promise.resolve(asked++ < 0);
    const verifier = { start: () => undefined, signature, password: () => null };
    const checked = compileJwt({ issuers: [issuer] }, { services: { ...inertAuth, verifier } });
    const wrong = { exp: now() - 1, nbf: now() + 60, iss: 'https://evil.example', aud: 'other' };
    for (const [name, value] of Object.entries(wrong))
      expect(bear(checked, forge(key.privateKey, header, { ...claims(), [name]: value }))).toHaveProperty(
        'code',
      );
    for (const more of [{ alg: 'HS256' }, { alg: 'none' }, { typ: 'secevent+jwt' }, { jku: 'http://a/' }])
      expect(bear(checked, forge(key.privateKey, { ...header, ...more }, claims()))).toHaveProperty('code');
    await outcome(checked, forge(key.privateKey, { ...header, kid: 'nobody' }, claims()));
    expect(asked).toBe(0);
    await outcome(checked, good());
    expect(asked).toBe(1);
  });

  test('a refusal says the same whatever was wrong', async () => {
    const refusals = await Promise.all(Object.values(attacks).map(async (token) => bear(check, token)));
    expect(new Set(refusals.map((each) => JSON.stringify(each))).size).toBe(1);
  });
});

describe('keys in the configuration', () => {
  const jwt = (issuerKeys: object) => ({ issuers: [{ issuer: 'i', audience: 'a', ...issuerKeys }] });
  const body = () => ({ iss: 'i', aud: 'a', exp: now() + 60 });

  test('a secret as long as the hash', async () => {
    const secret = 's'.repeat(48);
    const checked = compileJwt(jwt({ secret, algorithms: ['HS256', 'HS384'] }));
    expect(await outcome(checked, hmac(secret, { alg: 'HS256' }, body()))).toBe('accepted');
    expect(await outcome(checked, hmac(secret, { alg: 'HS384' }, body(), 'sha384'))).toBe('accepted');
    expect(await outcome(checked, hmac(secret, { alg: 'HS512' }, body(), 'sha512'))).toBe('unauthorized');
    expect(await outcome(checked, hmac('t'.repeat(48), { alg: 'HS256' }, body()))).toBe('unauthorized');
  });

  const rsa = (modulusLength: number) =>
    generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ type: 'spki', format: 'pem' });
  test.each([
    ['a short secret', { secret: 'short' }, 'too short'],
    [
      'a secret too short for one of the hashes',
      { secret: 's'.repeat(40), algorithms: ['HS512'] },
      'too short',
    ],
    ['a secret for RS', { secret: 's'.repeat(64), algorithms: ['RS256'] }, 'RS256 does not fit'],
    ['a public key for HS', { publicKey: 'x', algorithms: ['HS256'] }, 'HS256 does not fit'],
    ['a URL for HS', { jwksUrl: 'https://a/', algorithms: ['HS256'] }, 'HS256 does not fit'],
    ['none', { jwksUrl: 'https://a/', algorithms: ['none'] }, 'Invalid option'],
    ['no PEM', { publicKey: 'hello' }, 'not a public key'],
    ['a short RSA key', { publicKey: rsa(1024) }, 'shorter than 2048'],
    ['an RSA key for ES', { publicKey: rsa(2048), algorithms: ['ES256'] }, 'no key for ES256'],
    ['two sources', { secret: 's'.repeat(64), jwksUrl: 'https://a/' }, 'give one of'],
    ['no source', {}, 'give one of'],
    ['another protocol', { jwksUrl: 'file:///etc/passwd' }, 'http://'],
    ['a password in a URL', { jwksUrl: 'http://a:b@c/' }, 'without user'],
  ])('%s is a mistake', (_, keys, message) => {
    expect(() => compileJwt(jwt(keys))).toThrow(message);
  });

  test('a mistake does not show the secret', () => {
    expect.assertions(1);
    try {
      compileJwt(jwt({ secret: 'hunter2' }));
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain('hunter2');
    }
  });
});

describe('what a caller is', () => {
  const consumers = {
    ...noConsumers,
    get: (id: string) => (id === 'shop' ? { id: 'shop', groups: ['gold'] } : undefined),
  };

  test('consumer, groups, scopes and claims', async () => {
    const headers = { email: 'X-Mail', admin: 'x-admin', roles: 'x-roles', deep: 'x-deep', name: 'x-name' };
    const checked = compileJwt({ issuers: [issuer], consumerClaim: 'client', headers }, { consumers });
    const token = forge(key.privateKey, header, {
      ...claims(),
      ...{ client: 'shop', groups: ['staff', 'gold', 7], scp: 'a b', jti: 't1', email: 'x@y.z' },
      ...{ admin: true, roles: ['r', 's'], deep: { a: 1 }, name: 'Zoë\r\nx-admin: 1' },
    });
    expect(await bear(checked, token)).toMatchObject({
      consumer: 'shop',
      user: 'u1',
      groups: ['staff', 'gold'],
      scopes: ['a', 'b'],
      tokenId: 't1',
      fields: 'x-mail: x@y.z\r\nx-admin: true\r\nx-roles: r,s\r\nx-consumer-id: shop\r\nx-user-id: u1\r\n',
    });
  });

  test('all scopes are needed, in any form', async () => {
    const checked = compileJwt({ issuers: [issuer], scopes: ['a', 'b'] });
    const having = (more: object) =>
      outcome(checked, forge(key.privateKey, header, { ...claims(), ...more }));
    expect(await having({ scope: 'b x a' })).toBe('accepted');
    expect(await having({ scp: ['a', 'b'] })).toBe('accepted');
    expect(await having({ scope: 'a' })).toBe('insufficient_scope');
    expect(await having({})).toBe('insufficient_scope');
  });

  test('required claims, typ, leeway', async () => {
    const checked = compileJwt({ issuers: [issuer], required: ['exp', 'jti'], typ: 'at+jwt', leeway: '1m' });
    const of = (more: object, type?: string) =>
      outcome(checked, forge(key.privateKey, { ...header, typ: type }, { ...claims(), ...more }));
    expect(await of({ jti: '1' }, 'application/at+jwt')).toBe('accepted');
    expect(await of({ jti: '1', exp: now() - 50, nbf: now() + 50 }, 'at+jwt')).toBe('accepted');
    expect(await of({ jti: '1', exp: now() - 61 }, 'at+jwt')).toBe('unauthorized');
    expect(await of({}, 'at+jwt')).toBe('unauthorized');
    expect(await of({ jti: '1' })).toBe('unauthorized');
    expect(await of({ jti: '1' }, 'JWT')).toBe('unauthorized');
  });
});

describe('what is remembered', () => {
  test('a known token is answered at once, until it ends', async () => {
    const token = forge(key.privateKey, header, { ...claims(), exp: Date.now() / 1000 + 3 });
    expect(bear(check, token)).toBeInstanceOf(Promise);
    expect(await outcome(check, token)).toBe('accepted');
    expect(bear(check, token)).toHaveProperty('user', 'u1');
    await expect.poll(() => bear(check, token)).toHaveProperty('code', 'unauthorized');
  });

  test('a bad signature is remembered too, a text that only ends alike is not', async () => {
    const token = good();
    const [head = '', , signature = ''] = token.split('.');
    const forged = `${head}.${b64({ ...claims(), sub: 'root' })}.${signature}`;
    expect(await outcome(check, token)).toBe('accepted');
    expect(bear(check, forged)).toBeInstanceOf(Promise);
    expect(await outcome(check, forged)).toBe('unauthorized');
    expect(bear(check, forged)).toHaveProperty('code', 'unauthorized');
    expect(bear(check, token)).toHaveProperty('user', 'u1');
  });

  test('however the scheme is written, a known token is known', async () => {
    const token = good();
    const spelled = (scheme: string) => check(exchange({ headers: ['authorization', scheme + token] }));
    expect(await spelled('bearer  ')).toHaveProperty('user', 'u1');
    for (const scheme of ['Bearer ', 'BEARER ', 'Bearer   ', 'bearer '])
      expect(spelled(scheme)).toHaveProperty('user', 'u1');
  });

  test('other rules, other verdicts', async () => {
    const services = { ...inertAuth, verifier: realVerifier() };
    const token = good();
    const first = compileJwt({ issuers: [issuer] }, { services });
    const second = compileJwt({ issuers: [{ ...issuer, audience: 'web' }] }, { services });
    const third = compileJwt({ issuers: [issuer] }, { services });
    expect(await outcome(first, token)).toBe('accepted');
    expect(await outcome(second, token)).toBe('unauthorized');
    // A reload that changes nothing about the rules asks no thread again.
    expect(bear(third, token)).toHaveProperty('user', 'u1');
  });

  test('consumers change: the token stays proved, and stands for what its consumer is now', async () => {
    const services = { ...inertAuth, verifier: realVerifier() };
    const before = makeDirectory([{ id: 'u1', groups: ['gold'], keys: [] }]);
    const after = makeDirectory([{ id: 'u1', groups: ['iron'], keys: [] }]);
    const token = good();
    const options = { issuers: [issuer], scopes: [] };
    expect(await bear(compileJwt(options, { services, consumers: before }), token)).toMatchObject({
      groups: ['gold'],
    });
    const later = compileJwt(options, { services, consumers: after });
    for (let i = 0; i < 2; i++)
      expect(bear(later, token)).toMatchObject({ consumer: 'u1', groups: ['iron'] });
    const gone = compileJwt(options, { services, consumers: makeDirectory([]) });
    expect(bear(gone, token)).toMatchObject({ consumer: null, groups: [] });
  });

  test('equal tokens in flight are one', async () => {
    let asked = 0;
    const verifier = {
      start: () => undefined,
      signature: () => {
        asked++;
        return Promise.resolve(true);
      },
      password: () => null,
    };
    const checked = compileJwt({ issuers: [issuer] }, { services: { ...inertAuth, verifier } });
    const token = good();
    const verdicts = await Promise.all([1, 2, 3, 4].map(() => outcome(checked, token)));
    expect([verdicts, asked]).toEqual([Array(4).fill('accepted'), 1]);
  });

  test('many new tokens at once do not keep the loop from other work', async () => {
    const tokens = Array.from(
      { length: 300 },
      (_, i) => `${b64(header)}.${b64({ ...claims(), jti: i })}.AAAA`,
    );
    let turns = 0;
    let isRunning = true;
    const count = () => {
      turns++;
      if (isRunning) setImmediate(count);
    };
    setImmediate(count);
    const verdicts = await Promise.all([...tokens, good()].map((token) => outcome(check, token)));
    isRunning = false;
    expect(verdicts).toEqual([...tokens.map(() => 'unauthorized'), 'accepted']);
    expect(turns).toBeGreaterThan(5);
  });

  test('what can be no token is refused at once, and takes no turn from one that can', async () => {
    const checked = compileJwt({ issuers: [issuer] });
    const [head = '', body = '', signature = ''] = good().split('.');
    const garbage = (i: number) => [
      `x${i}`,
      `${head}.${body}${i}`,
      `${head}.${body}.${signature}.${i}`,
      `${head}.${body}.${signature}=${i}`,
      `${head}.${body}.${'A'.repeat(9_000)}${i}`,
    ];
    // Many more than may wait.
    for (let i = 0; i < 1_000; i++)
      for (const text of garbage(i)) expect(bear(checked, text)).toMatchObject({ code: 'unauthorized' });
    expect(await outcome(checked, good())).toBe('accepted');
  });

  test('a fault of ours while a token waits is not the answer to whoever brings that token next', async () => {
    const checked = compileJwt({ issuers: [issuer] });
    const others = Array.from({ length: 32 }, (_, i) =>
      outcome(checked, forge(key.privateKey, header, { ...claims(), jti: `t${i}` })),
    );
    const token = good();
    using _ = vi.spyOn(Rules.prototype, 'candidates').mockImplementationOnce(() => {
      throw new Error('a fault of ours');
    });
    await expect(outcome(checked, token)).rejects.toThrow('a fault of ours');
    expect(await outcome(checked, token)).toBe('accepted');
    expect(new Set(await Promise.all(others))).toEqual(new Set(['accepted']));
  });

  test('when the queue is full the answer is 503, and is not remembered', async () => {
    let full = true;
    const verifier = {
      start: () => undefined,
      signature: () => (full ? null : Promise.resolve(true)),
      password: () => null,
    };
    const checked = compileJwt({ issuers: [issuer] }, { services: { ...inertAuth, verifier } });
    const token = good();
    expect(await bear(checked, token)).toMatchObject({ code: 'overload', headers: ['retry-after', '1'] });
    full = false;
    expect(await outcome(checked, token)).toBe('accepted');
  });
});

test('a token or a user that is revoked is refused at once, though the token was accepted before', async () => {
  const revoked = new Set<string>();
  const services = {
    ...inertAuth,
    verifier: realVerifier(),
    revocations: { complete: true, has: (kind: string, id: string) => revoked.has(`${kind} ${id}`) },
  };
  const checked = compileJwt({ issuers: [issuer] }, { services });
  const token = forge(key.privateKey, header, { ...claims(), jti: 't1' });
  for (const each of ['jti t1', 'sub u1']) {
    expect(await outcome(checked, token)).toBe('accepted');
    revoked.add(each);
    expect(bear(checked, token)).toHaveProperty('code', 'unauthorized');
    revoked.clear();
  }
});

describe('where a token stands', () => {
  const jwt = (more: object) => compileJwt({ issuers: [issuer], ...more });
  const ask = async (checked: ReturnType<typeof jwt>, asked: Parameters<typeof exchange>[0]) => {
    const x = exchange(asked);
    const verdict = await checked(x);
    return [verdict === null ? 'missing' : 'code' in verdict ? verdict.code : 'accepted', x.query];
  };

  test('Authorization, once, with the scheme in any case', async () => {
    const token = good();
    for (const [value, expected] of [
      [`Bearer ${token}`, 'accepted'],
      [`bEARER   ${token}`, 'accepted'],
      ['Bearer', 'unauthorized'],
      ['Bearer ', 'unauthorized'],
      [`Basic ${token}`, 'missing'],
      [token, 'missing'],
    ])
      expect(await ask(check, { headers: ['authorization', value!] }), value).toEqual([expected, '']);
    const twice = ['authorization', `Bearer ${token}`, 'authorization', 'Bearer x'];
    expect(await ask(check, { headers: twice })).toEqual(['unauthorized', '']);
    expect(await ask(check, { query: `access_token=${token}` })).toEqual([
      'missing',
      `access_token=${token}`,
    ]);
  });

  test('a field of its own, a cookie, the query', async () => {
    const token = good();
    expect(await ask(jwt({ header: 'X-Token' }), { headers: ['x-token', token] })).toEqual(['accepted', '']);
    const checked = jwt({ cookie: 'sid', query: 't' });
    expect(await ask(checked, { headers: ['cookie', `a=b; sid=${token}`] })).toEqual(['accepted', '']);
    expect(await ask(checked, { headers: ['cookie', `sid=${token}; sid=x`] })).toEqual(['unauthorized', '']);
    expect(await ask(checked, { query: `a=1&t=${token}&b` })).toEqual(['accepted', 'a=1&b']);
    expect(await ask(checked, { query: `%74=${token}` })).toEqual(['accepted', '']);
    expect(await ask(checked, { query: `t=${token}&t=${token}` })).toEqual(['unauthorized', '']);
    // Not forwarded even where it was not needed.
    const both = { headers: ['authorization', `Bearer ${token}`], query: 't=x' };
    expect(await ask(checked, both)).toEqual(['accepted', '']);
  });
});
