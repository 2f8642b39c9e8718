/**
 * Cost of a token: known to the worker (the usual case), and new. Fails when a known one costs 3 us. Run against dist:
 *   node native-bench/jwt.mjs
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { AUTHENTICATORS } from '../dist/auth/index.js';
import { getFields } from '../dist/lib/fields.js';
import { ThreadVerifier } from '../dist/auth/verifier.js';
import { inertAuth, noConsumers } from '../dist/lib/inert.js';

const TOKENS = 1_000;
const ROUNDS = 400;
/** What a known token may cost. */
const BOUND_US = 3;

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const options = {
  issuers: [
    {
      issuer: 'https://id.example',
      audience: 'api',
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
      algorithms: ['RS256'],
    },
  ],
};
const verifier = new ThreadVerifier(fileURLToPath(new URL('../dist/verify.js', import.meta.url)), () => 1);
const jwt = AUTHENTICATORS.find(({ name }) => name === 'jwt');
const check = jwt.compile(options, {
  route: { id: 'r', upstreamId: null },
  consumers: noConsumers,
  services: { ...inertAuth, verifier },
});

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** About 750 characters, as identity providers make them. */
function token(i) {
  const claims = {
    iss: 'https://id.example',
    ...{ aud: 'api', sub: `user-${i}`, exp: Math.floor(Date.now() / 1000) + 600 },
    ...{ scope: 'openid profile email orders.read orders.write', email: `user-${i}@mail.example` },
    ...{ name: 'Somebody Somewhere', jti: `0af7651916cd43dd8448eb211c80319c-${i}` },
  };
  const signed = `${b64({ alg: 'RS256', typ: 'JWT', kid: '2026-11-23-primary' })}.${b64(claims)}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

/** The value as an edge makes it: new text with every request, not yet hashed. */
const fresh = (bytes) => ({
  headers: [
    ...['accept', 'application/json', 'accept-language', 'en', 'user-agent', 'bench', 'cookie', 'a=b'],
    ...['authorization', bytes.latin1Slice(0, bytes.length)],
  ],
  query: '',
  fields(name) {
    return getFields(this.headers, name);
  },
});

const fields = Array.from({ length: TOKENS }, (_, i) => Buffer.from(`Bearer ${token(i)}`));
const started = performance.now();
const cpu = process.cpuUsage();
const first = await Promise.all(fields.map((each) => check(fresh(each))));
if (first.some((each) => each?.user === undefined)) throw new Error('a token was refused');
const used = process.cpuUsage(cpu);
const micro = (ms) => ((ms * 1000) / TOKENS).toFixed(1);
console.log(`token of ${fields[0].length - 7} characters`);
console.log(
  `new:   ${micro(performance.now() - started)} us wall, ${micro((used.user + used.system) / 1000)} us cpu`,
);

let best = Infinity;
let base = Infinity;
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now();
  for (const each of fields) if (fresh(each).headers.length === 0) throw new Error();
  base = Math.min(base, performance.now() - start);
  const again = performance.now();
  for (const each of fields) if (check(fresh(each)) instanceof Promise) throw new Error('not known any more');
  best = Math.min(best, performance.now() - again);
}
console.log(
  `known: ${micro(best - base)} us (best of ${ROUNDS} rounds; making the text apart: ${micro(base)} us)`,
);
await verifier.close();
if ((best - base) * 1000 > BOUND_US * TOKENS) {
  console.error(`a known token costs more than ${BOUND_US} us`);
  process.exitCode = 1;
}
