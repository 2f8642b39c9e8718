import { randomFillSync } from 'node:crypto';

// One system call and one hex conversion serve 512 trace ids; an id is then a slice of the text.
const POOL_BYTES = 8192;
const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let digits = '';
let at = 0;

function take(length: number): string {
  if (at + length > digits.length) {
    randomFillSync(pool);
    digits = pool.toString('hex');
    at = 0;
  }
  const id = digits.slice(at, at + length);
  at += length;
  return id;
}

const ZERO = 0x30;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** A new trace id: 32 random lower-case hex digits, never all zeros (W3C Trace Context section 3.2.2.3). */
export function newTraceId(): string {
  // A look at one digit first: an id is a piece of a text, which V8 compares slowly.
  let id = take(32);
  while (id.charCodeAt(0) === ZERO && id === NO_TRACE) id = take(32);
  return id;
}

/** A new span id: 16 random lower-case hex digits, never all zeros (W3C Trace Context section 3.2.2.4). */
export function newSpanId(): string {
  let id = take(16);
  while (id.charCodeAt(0) === ZERO && id === NO_SPAN) id = take(16);
  return id;
}

const REQUEST_ID = /^[A-Za-z0-9._~+/=:@-]{1,128}$/;

/** Whether a request id that came from outside may be adopted: safe in logs, header fields and URLs. */
export const isRequestId = (text: string): boolean => REQUEST_ID.test(text);

const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x20-\x7e]*)?$/;
const TRACEPARENT_LENGTH = 55;

/**
 * The trace id of a valid `traceparent` field, else null (W3C Trace Context section 3.2). Version 00 is
 * exactly 55 characters; later versions may add more after a further `-`; version ff is invalid.
 */
export function parseTraceparent(value: string): string | null {
  const match = TRACEPARENT.exec(value);
  if (match === null) return null;
  if (value.length !== TRACEPARENT_LENGTH && value.startsWith('00')) return null;
  return match[1]!;
}
