import { isToken } from './fields.ts';

/** Framing and hop-by-hop names: only an edge and a transport write these (RFC 9110 section 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Request fields that the gateway writes after all policies: a second copy would contradict the first. */
const OWN: ReadonlySet<string> = new Set([
  'traceparent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-request-id',
]);

/** Why a policy may not touch a field of that name (any case) on that side; null = it may. */
export function fieldNameMistake(name: string, side: 'request' | 'response'): string | null {
  const lower = name.toLowerCase();
  if (!isToken(lower)) return `${JSON.stringify(name)} is not a field name`;
  if (HOP_BY_HOP.has(lower)) return `${lower} belongs to one connection: the gateway writes it itself`;
  if (side === 'response') return lower === 'date' ? 'date is written by the gateway itself' : null;
  if (lower === 'host') return 'the host that is sent is chosen by upstream.host';
  return OWN.has(lower) ? `${lower} is written by the gateway itself` : null;
}
