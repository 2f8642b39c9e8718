/** A JSON object as parsed. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A compact JWS (RFC 7515 section 3.1), taken apart; nothing in it is proved. */
export interface Compact {
  readonly header: JsonObject;
  readonly claims: JsonObject;
}

/** Longer tokens than any that fit a request's fields with room for others. */
const LONGEST = 8192;
const DEEPEST = 16;

/**
 * The last character of base64url text whose length leaves a rest carries bits that are not used. They must be zero
 * (RFC 4648 section 3.5), else many texts would stand for one token.
 */
const PART = '(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?';
const COMPACT = new RegExp(`^(${PART})\\.(${PART})\\.(${PART})$`);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether a text has the form of a compact JWS, and no more bytes than one: cheap, and asked before anything else is done. */
export const isCompact = (text: string): boolean => text.length <= LONGEST && COMPACT.test(text);

/** Takes a token apart. Null = not a compact JWS of JSON objects in their one canonical encoding. */
export function parseCompact(token: string): Compact | null {
  if (token.length > LONGEST) return null;
  const [, head, body, signature] = COMPACT.exec(token) ?? [];
  if (!head || !body || !signature) return null;
  const header = parseObject(head);
  if (header === null) return null;
  const claims = parseObject(body);
  return claims === null ? null : { header, claims };
}

/** An object that every reader reads alike: UTF-8, no name twice, not nested beyond use. */
function parseObject(base64url: string): JsonObject | null {
  try {
    const text = utf8.decode(Buffer.from(base64url, 'base64url'));
    const value: unknown = JSON.parse(text);
    return isObject(value) && countMembers(value) === membersIn(text) ? value : null;
  } catch {
    return null;
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** How many members all objects of a value have together; NaN = it is nested too deeply. */
function countMembers(value: unknown): number {
  let level: unknown[] = [value];
  let count = 0;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return NaN;
    const inner: unknown[] = [];
    for (const each of level) {
      if (typeof each !== 'object' || each === null) continue;
      const values: unknown[] = Object.values(each);
      if (!Array.isArray(each)) count += values.length;
      for (const value of values) inner.push(value);
    }
    level = inner;
  }
  return count;
}

/** How many members are written in JSON text; a name that is written twice counts twice (RFC 8725 section 2.6). */
function membersIn(json: string): number {
  let count = 0;
  for (const [, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"[ \t\r\n]*(:)?/g)) if (colon !== undefined) count++;
  return count;
}
