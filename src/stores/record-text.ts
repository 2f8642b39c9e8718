import type { StoredRecord } from '../contracts/records.ts';

/**
 * KEYS: hash. ARGV: field, what it must hold, what it shall hold; each a text of JSON or, for none, empty; `any` = must
 * hold something. 1 = done.
 */
export const EXCHANGE = `
local found = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if ARGV[2] == 'any' then
  if found == '' then return 0 end
elseif found ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1`;

/** What was parsed from such a text gives the same text again. */
export const textOf = (record: StoredRecord | null): string =>
  record === null ? '' : JSON.stringify(record);

/** Null = this is no text of a record. */
export function parse(text: string): StoredRecord | null {
  try {
    return JSON.parse(text) as StoredRecord;
  } catch {
    return null;
  }
}
