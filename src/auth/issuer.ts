import { z } from 'zod';
import type { Facts } from '../contracts/facts.ts';
import type { JsonObject } from './compact.ts';
import type { IssuerOptions } from './jwt-options.ts';
import { ALGORITHMS, isSymmetric, readJwk, readPem, readSecret, type VerifyKey } from './keys.ts';
import { fixedKeys, RemoteKeys, type KeySet } from './keyset.ts';

/** One issuer of a `jwt` block, compiled. */
export interface Issuer {
  readonly name: string;
  readonly keys: KeySet;
  /** Whether it signs with that algorithm. */
  allows(algorithm: string): boolean;
  /** Whether a token is meant for us (`aud`, RFC 7519 section 4.1.3). */
  isFor(claims: JsonObject): boolean;
}

/** Sets of keys at a URL live as long as the process: over reloads, and for all routes. */
const remote = new WeakMap<Facts, Map<string, RemoteKeys>>();

export function compileIssuer(options: IssuerOptions, at: number, facts: Facts): Issuer {
  const { issuer, audience, jwksUrl } = options;
  const audiences =
    audience === undefined ? null : new Set(typeof audience === 'string' ? [audience] : audience);
  const algorithms = new Set(options.algorithms ?? defaultAlgorithms(options));
  return {
    name: issuer,
    keys: jwksUrl === undefined ? fixedKeys(keysOf(options, at, algorithms)) : remoteKeys(jwksUrl, facts),
    allows: (algorithm) => algorithms.has(algorithm),
    isFor: ({ aud }) => {
      if (audiences === null) return aud === undefined || typeof aud === 'string' || isTextList(aud);
      if (typeof aud === 'string') return audiences.has(aud);
      return isTextList(aud) && aud.some((each) => audiences.has(each));
    },
  };
}

const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');

const defaultAlgorithms = ({ secret }: IssuerOptions): string[] =>
  ALGORITHMS.filter((name) => isSymmetric(name) === (secret !== undefined));

function remoteKeys(url: string, facts: Facts): RemoteKeys {
  const known = remote.get(facts) ?? new Map<string, RemoteKeys>();
  remote.set(facts, known);
  let keys = known.get(url);
  if (keys === undefined) known.set(url, (keys = new RemoteKeys(url, facts)));
  return keys;
}

/** The keys that stand in the configuration. Of a set, those that cannot be used are left out (the loader warns). */
function keysOf(options: IssuerOptions, at: number, algorithms: ReadonlySet<string>): VerifyKey[] {
  const { publicKey, secret, jwks } = options;
  if (jwks !== undefined)
    return jwks.keys.map(readJwk).filter((key): key is VerifyKey => typeof key !== 'string');
  // A file that could not be read stays a reference: the loader has told of it.
  const given = publicKey ?? secret;
  if (typeof given !== 'string') return [];
  const key = publicKey === undefined ? readSecret(given) : readPem(given);
  const path = publicKey === undefined ? 'secret' : 'publicKey';
  if (typeof key === 'string') throw mistake(at, path, key === 'no algorithm fits it' ? TOO_SHORT : key);
  const unfit = [...(options.algorithms ?? [])].find((name) => !key.algorithms.has(name));
  if (unfit !== undefined)
    throw mistake(at, path, path === 'secret' ? TOO_SHORT : `it is no key for ${unfit}: change algorithms`);
  return [...key.algorithms].some((name) => algorithms.has(name)) ? [key] : [];
}

const TOO_SHORT = 'too short: at least 32 bytes for HS256, 48 for HS384, 64 for HS512';

/** The input is left out of the issue: it may be a secret. */
const mistake = (at: number, path: string, message: string): z.ZodError =>
  new z.ZodError([{ code: 'custom', path: ['issuers', at, path], message, input: undefined }]);
