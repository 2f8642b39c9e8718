/** The tokens of the scenario S2: RS256, each of another user, signed with one fresh key. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'api';
const HOUR = 3600;

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Writes `count` tokens (one a line) and the public key into `folder`; gives both paths and the first token. */
export function makeTokens(folder, count = 1000) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const header = encode({ alg: 'RS256', typ: 'JWT', kid: 'bench' });
  const now = Math.floor(Date.now() / 1000);
  const tokens = Array.from({ length: count }, (_, i) => {
    const claims = {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: `user-${i}`,
      scope: 'users.read users.write',
      name: 'Ada K Lovelace',
      iat: now,
      exp: now + HOUR,
    };
    const signed = `${header}.${encode(claims)}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
  });
  const tokenFile = join(folder, 'tokens.txt');
  const keyFile = join(folder, 'public.pem');
  writeFileSync(tokenFile, `${tokens.join('\n')}\n`);
  writeFileSync(keyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  return { tokenFile, keyFile, first: tokens[0] };
}
