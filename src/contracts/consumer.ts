import { z } from 'zod';
import { id } from './blocks.ts';

/** The `consumers` part of the configuration: who may call, and the hashes of what they prove it with. */

/** The contract's own example holds this text: it is accepted, and no key fits it. */
export const PLACEHOLDER_HASH = 'sha256:PREFIX:SALT:HEX';

const KEY_HASH = /^sha256:[A-Za-z0-9]{4,32}:[A-Za-z0-9_-]{4,64}:[0-9a-f]{64}$/;
const SCRYPT_HASH =
  /^\$scrypt\$ln=(?:1[0-7]),r=(?:[1-9]|1\d|2[0-4]),p=[1-4]\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{43,86}$/;

/** RFC 3339 with an offset; kept as written. */
export const moment = z.iso.datetime({
  offset: true,
  error: 'a moment is a date and time such as 2027-01-31T12:00:00Z',
});

export const keyHash = z
  .string()
  .refine((text) => text === PLACEHOLDER_HASH || KEY_HASH.test(text), {
    error: 'a key is stored as sha256:PREFIX:SALT:HEX: run "sluice key new" for one',
  })
  .describe('Hash of the key, sha256:PREFIX:SALT:HEX, as sluice key new prints it.');

export const consumerKey = z.strictObject({
  id: id.describe('Name of the key, unique within its consumer; for rotation and revocation.'),
  hash: keyHash,
  expires: moment.optional().describe('When the key stops to be accepted.'),
});

/** The name before the colon of Basic credentials (RFC 7617 section 2): no colon, no control characters. */
const username = z
  .string()
  .regex(/^[^:\p{Cc}]{1,128}$/u, 'a user name is 1 to 128 characters without a colon');

export const basicCredentials = z.strictObject({
  username: username.optional().describe('Default: the id of the consumer.'),
  hash: z
    .string()
    .regex(SCRYPT_HASH, 'a password is stored as $scrypt$ln=…: run "sluice password" for one')
    .describe('Hash of the password, $scrypt$ln=…, as sluice password prints it.'),
});

export const consumerId = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:@|+~-]{0,127}$/,
    'a consumer id is 1 to 128 letters, digits or . _ : @ | + ~ -, and begins with a letter or digit',
  )
  .describe('Unique name; sent to upstreams as X-Consumer-Id.');

/** What a group or a scope is called: a token that header fields and logs can hold. */
export const groupName = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'a name is 1 to 128 printable characters without spaces');

export const consumer = z.strictObject({
  id: consumerId,
  groups: z.array(groupName).default([]).describe('Groups that it is a member of.'),
  keys: z.array(consumerKey).default([]).describe('API keys; several at once for rotation.'),
  basic: basicCredentials.optional().describe('Name and password for the basic policy.'),
});

export type Consumer = z.output<typeof consumer>;
export type ConsumerKey = Consumer['keys'][number];
