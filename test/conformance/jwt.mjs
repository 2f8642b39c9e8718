// Sends every token of the shared corpus through the built gateway: all of them must be refused. In the same run the
// gateway must accept valid tokens of every algorithm and several keys, so that one that always says 401 fails.
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { corpus, finished, start, startGateway } from './gateway.mjs';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'gw';
const KEYS_PER_ALGORITHM = 3;
const TOKENS_PER_KEY = 2;
/** A corpus that was cut short must not pass. */
const VECTORS = 478;

/** Whether all is well; prints a table. */
export async function runJwt() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-conformance-'));
  const pairs = makeKeys();
  const issuer = await serveKeys(pairs.filter(({ algorithm }) => !algorithm.startsWith('HS')));
  const fresh = makeKey('ES256', 'fresh');
  const { routes, sets } = await configuration(folder, pairs, issuer.url, fresh);
  const gateway = await startGateway({ routes }, folder);
  try {
    const valid = await sendValid(gateway.address, pairs);
    // What refuses everything passes no vector: each route must accept a token of the key that was added to its set.
    for (const name of sets) {
      const status = await get(gateway.address, `/jwt/${name}/valid`, await signed(fresh, true));
      valid.push({ name: `set ${name}`, status });
    }
    const out = join(folder, 'out.json');
    const runner = [join(corpus, 'run-jwt.mjs'), '--target', `http://${gateway.address}`, '--out', out];
    await finished(start(runner, ['ignore', 'ignore', 'inherit']), true);
    const rows = JSON.parse(readFileSync(out, 'utf8'));
    return judge(rows, valid);
  } finally {
    gateway.child.kill('SIGKILL');
    await new Promise((resolve) => gateway.child.once('close', resolve));
    issuer.server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge(rows, valid) {
  const failed = rows.filter(({ verdict }) => verdict !== 'pass');
  const refused = valid.filter(({ status }) => status !== 200);
  console.log(`\njwt: ${rows.length - failed.length} of ${rows.length} vectors`);
  for (const { id, status } of failed) console.log(`  NOT REFUSED ${id} ${status}`);
  console.log(`jwt: ${valid.length - refused.length} of ${valid.length} valid tokens accepted`);
  for (const { name, status } of refused) console.log(`  NOT ACCEPTED ${name} ${status}`);
  return failed.length === 0 && refused.length === 0 && rows.length >= VECTORS && valid.length >= 60;
}

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = (namedCurve) => () => generateKeyPairSync('ec', { namedCurve });
const secret = (bytes) => () => ({ privateKey: createSecretKey(randomBytes(bytes)) });
const MAKERS = {
  ...{ RS256: rsa, RS384: rsa, RS512: rsa, PS256: rsa, PS384: rsa, PS512: rsa },
  ...{ ES256: ec('P-256'), ES384: ec('P-384'), ES512: ec('P-521') },
  EdDSA: () => generateKeyPairSync('ed25519'),
  ...{ HS256: secret(32), HS384: secret(48), HS512: secret(64) },
};

const makeKey = (algorithm, kid) => ({ algorithm, kid, ...MAKERS[algorithm]() });

/** Three keys for every algorithm. */
const makeKeys = () =>
  Object.keys(MAKERS).flatMap((algorithm) =>
    Array.from({ length: KEYS_PER_ALGORITHM }, (_, i) => makeKey(algorithm, `${algorithm}-${i}`)),
  );

const toJwk = async ({ algorithm, kid, publicKey, privateKey }) => ({
  ...(await exportJWK(publicKey ?? privateKey)),
  ...{ alg: algorithm, kid, use: 'sig' },
});

async function serveKeys(pairs) {
  const keys = await Promise.all(pairs.map(toJwk));
  const server = createServer((_, response) => response.end(JSON.stringify({ keys })));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/jwks.json` };
}

/** One route for each key set of the corpus, with a fresh key in it; one whose keys are fetched, and one with shared secrets. */
async function configuration(folder, pairs, jwksUrl, fresh) {
  const exported = join(folder, 'sets');
  await finished(
    start([join(corpus, 'run-jwt.mjs'), '--export-jwks', exported], ['ignore', 'ignore', 'inherit']),
  );
  const sets = readdirSync(exported).map((file) => [
    file.replace(/\.json$/, ''),
    JSON.parse(readFileSync(join(exported, file), 'utf8')),
  ]);
  const shared = await Promise.all(pairs.filter(({ algorithm }) => algorithm.startsWith('HS')).map(toJwk));
  const asymmetric = [...new Set(pairs.map(({ algorithm }) => algorithm))].filter(
    (name) => !name.startsWith('HS'),
  );
  const symmetric = ['HS256', 'HS384', 'HS512'];
  const route = (id, path, keys) => ({
    id,
    match: { paths: [path] },
    respond: { status: 200, body: 'in' },
    policies: { jwt: { issuers: [{ issuer: ISSUER, audience: AUDIENCE, ...keys }] } },
  });
  const added = await toJwk(fresh);
  return {
    sets: sets.map(([name]) => name),
    routes: [
      ...sets.map(([name, { keys }], i) => {
        const secrets = keys.some(({ kty }) => kty === 'oct') ? symmetric : [];
        const jwks = { keys: [...keys, added] };
        return route(`set-${i}`, `/jwt/${name}/*`, { jwks, algorithms: [...asymmetric, ...secrets] });
      }),
      route('fetched', '/valid/fetched', { jwksUrl }),
      route('shared', '/valid/shared', { jwks: { keys: shared }, algorithms: symmetric }),
    ],
  };
}

async function sendValid(address, pairs) {
  const sent = [];
  for (const pair of pairs) {
    for (let i = 0; i < TOKENS_PER_KEY; i++) {
      const path = pair.algorithm.startsWith('HS') ? '/valid/shared' : '/valid/fetched';
      // The second token of a key names no key.
      sent.push({ name: `${pair.kid} ${i}`, status: await get(address, path, await signed(pair, i === 0)) });
    }
  }
  return sent;
}

/** A token with nothing wrong. */
const signed = ({ algorithm, kid, privateKey }, namesKey) =>
  new SignJWT({})
    .setProtectedHeader({ alg: algorithm, ...(namesKey ? { kid, typ: 'JWT' } : {}) })
    .setIssuer(ISSUER)
    .setAudience(namesKey ? AUDIENCE : ['other', AUDIENCE])
    .setSubject('someone')
    .setExpirationTime('5m')
    .sign(privateKey);

function get(address, path, token) {
  return new Promise((resolve, reject) => {
    request(`http://${address}${path}`, { headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    })
      .on('error', reject)
      .end();
  });
}
