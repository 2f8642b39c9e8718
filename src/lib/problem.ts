import { FAULTS, type FaultCode } from '../contracts/fault.ts';
import type { Headers, Reply } from '../contracts/http.ts';

/** What never differs between two problem documents of one code. */
interface Frame {
  readonly status: number;
  /** The document up to its detail. */
  readonly start: string;
  readonly headers: readonly string[];
}

/** Codes whose problem type is a registered one. */
const REGISTERED: Partial<Record<FaultCode, string>> = {
  rate_limited: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
};

const FRAMES: ReadonlyMap<string, Frame> = new Map(
  Object.entries(FAULTS).map(([code, { status, title, proxy }]): [string, Frame] => {
    const type = REGISTERED[code as FaultCode] ?? `urn:sluice:problem:${code}`;
    const members = JSON.stringify({ type, title, status });
    const headers = ['content-type', 'application/problem+json', 'cache-control', 'no-store'];
    if (proxy !== null) headers.push('proxy-status', `sluice; error=${proxy}`);
    return [code, { status, start: members.slice(0, -1), headers }];
  }),
);

/**
 * A refusal or failure as a problem document (RFC 9457), with `Proxy-Status` (RFC 9209) where the
 * upstream side is at fault.
 *
 * @param detail For the client's eyes: no address, no stack, no secret.
 * @param instance The request id.
 * @param extra More fields, already checked: `Allow`, `Retry-After`, `WWW-Authenticate` ...
 * @param members Members that this problem type has beyond the usual ones.
 */
export function problemReply(
  code: FaultCode,
  detail: string,
  instance: string,
  extra?: Headers,
  members: Readonly<Record<string, unknown>> = {},
): Reply {
  const { status, start, headers } = FRAMES.get(code)!;
  const text = `${start},${JSON.stringify({ detail, instance, ...members }).slice(1)}`;
  return { status, headers: [...headers, ...(extra ?? [])], body: Buffer.from(text), fault: code };
}
