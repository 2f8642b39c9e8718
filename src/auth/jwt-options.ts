import { z } from 'zod';
import { fileRef } from '../contracts/blocks.ts';
import { duration } from '../contracts/units.ts';
import { fieldNameMistake } from '../lib/field-names.ts';
import { isToken } from '../lib/fields.ts';
import { ALGORITHMS, isSymmetric } from './keys.ts';

const fieldName = z.string().toLowerCase().refine(isToken, 'this is not a field name');
const name = z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'use letters, digits and - . _ ~');
const texts = z.array(z.string().min(1));
const orList = z.union([z.string().min(1), texts.min(1, 'an empty list accepts nobody')]);

const httpUrl = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}, 'write an http:// or https:// URL without user and password');

/** Fields that carry credentials or belong to the client: a claim in their place would hide what it asked. */
const KEPT: ReadonlySet<string> = new Set(['authorization', 'cookie', 'content-type', 'accept']);

const claimHeaders = z.record(z.string(), fieldName).superRefine((headers, context) => {
  for (const [claim, header] of Object.entries(headers)) {
    const mistake = fieldNameMistake(header, 'request');
    if (mistake !== null) context.addIssue({ code: 'custom', path: [claim], message: mistake });
    else if (KEPT.has(header))
      context.addIssue({
        code: 'custom',
        path: [claim],
        message: `${header} is the client's: take another name`,
      });
  }
});

const SOURCES = ['jwksUrl', 'jwks', 'publicKey', 'secret'] as const;

const issuer = z
  .strictObject({
    issuer: z.string().min(1).describe('Value of iss in tokens of this issuer, compared as text.'),
    audience: orList
      .optional()
      .describe('Accepted values of aud; a token must name one of them. Absent: any.'),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1, 'an empty list accepts no token')
      .optional()
      .describe('Accepted algorithms. Default: HS256, HS384, HS512 with a secret, else all but these.'),
    jwksUrl: httpUrl.optional().describe('URL of the key set; fetched and refreshed in the background.'),
    jwks: z
      .looseObject({ keys: z.array(z.unknown()) })
      .optional()
      .describe('The key set itself (RFC 7517).'),
    publicKey: z
      .union([z.string().min(1), fileRef])
      .optional()
      .describe('Public key or certificate in PEM, or its file.'),
    secret: z
      .union([z.string().min(1), fileRef])
      .optional()
      .describe('Shared secret, at least as long as the hash: 32 bytes for HS256; or its file.'),
  })
  .superRefine((value, context) => {
    const mistake = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const given = SOURCES.filter((each) => value[each] !== undefined);
    if (given.length !== 1) mistake(given[1] ?? 'issuer', `give one of ${SOURCES.join(', ')}`);
    const { algorithms = [] } = value;
    const wrong = algorithms.find((each) =>
      value.secret !== undefined ? !isSymmetric(each) : value.jwks === undefined && isSymmetric(each),
    );
    if (wrong !== undefined)
      mistake(
        'algorithms',
        `${wrong} does not fit ${given[0] ?? 'the key'}: a secret is for HS, a public key for the rest`,
      );
  });

/** Options of the `jwt` block. */
export const jwtOptions = z
  .strictObject({
    issuers: z
      .array(issuer)
      .min(1, 'name at least one issuer')
      .describe('Whose tokens are accepted, and by which keys.'),
    leeway: duration.in.default('0s').describe('How far the clocks of issuers may differ from ours.'),
    required: texts.default(['exp']).describe('Claims that a token must have.'),
    scopes: texts
      .default([])
      .describe('Scopes that a token must have, all of them (scope or scp); else 403.'),
    typ: orList
      .optional()
      .describe('Accepted types of tokens (header typ). Default: JWT, at+jwt, or none given.'),
    consumerClaim: z.string().min(1).default('sub').describe('Claim that names the id of a consumer.'),
    headers: claimHeaders
      .default({})
      .describe('Claim to request field for the upstream; clients cannot send these fields.'),
    header: fieldName
      .default('authorization')
      .describe('Field of the token: authorization with the scheme Bearer, any other holds the bare token.'),
    cookie: name.optional().describe('Cookie that may hold the token instead.'),
    query: name
      .optional()
      .describe('Query parameter that may hold the token instead; it is not forwarded and not logged.'),
  })
  .refine(({ header, headers }) => !Object.values(headers).includes(header), {
    path: ['headers'],
    error: 'the field of the token cannot carry a claim: take another name',
  });

export type JwtOptions = z.output<typeof jwtOptions>;
export type IssuerOptions = JwtOptions['issuers'][number];
