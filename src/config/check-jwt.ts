import { readJwk } from '../auth/keys.ts';
import type { Path, Report } from './mistakes.ts';
import { getIn, listOf, mapOf, type Raw } from './raw.ts';

/** The issuers of every `jwt` block as written, with their places. */
export function issuersIn(data: Raw): { readonly issuer: Raw; readonly path: Path }[] {
  const blocks: Path[] = [
    ['policies', 'jwt'],
    ...listOf(data.routes).map((_, i): Path => ['routes', i, 'policies', 'jwt']),
  ];
  return blocks.flatMap((block) =>
    listOf(getIn(data, [...block, 'issuers'])).map((issuer, i) => ({
      issuer: mapOf(issuer),
      path: [...block, 'issuers', i],
    })),
  );
}

/** Warns of what can be served and is hardly meant so in `jwt` blocks. */
export function checkJwt(data: Raw, warn: Report): void {
  for (const { issuer, path } of issuersIn(data)) {
    if (issuer.audience === undefined)
      warn(path, 'no audience: tokens that this issuer made for other services are accepted too');
    for (const [i, jwk] of listOf(mapOf(issuer.jwks).keys).entries()) {
      const key = readJwk(jwk);
      if (typeof key === 'string')
        warn([...path, 'jwks', 'keys', i], `this key is left out, ${key}: replace or remove it`);
    }
  }
}
