import { normalisePath } from '../../src/lib/path.ts';
import { MalformedReply, parseReply, type WireReply } from '../support/reply-parser.ts';
import type { SeenRequest } from './origin.ts';
import { trimHigh, type PlainRequest, type Reading } from './plain-request.ts';

/** Fields that the gateway writes itself, or may take away. */
const OWN =
  /^(host|content-length|transfer-encoding|x-forwarded-for|x-forwarded-proto|x-forwarded-host|x-request-id|traceparent|via)$/;

/**
 * The addon's own pages. It sends one, and ends the connection, wherever it finds that what came is no request: in the
 * middle of a reply too.
 */
const PAGE =
  /HTTP\/1\.1 (400|431|505) [A-Za-z ]+\r\nConnection: close\r\n\r\n<h1>[A-Za-z ]+<\/h1>(<p>This server does not support HTTP\/1\.0\.<\/p>)?<hr><i>uWebSockets\/20 Server<\/i>$/;

/**
 * Every request that reached the origin must be one that the client sent, with the body and the fields that the client
 * gave it. (Not in order: pipelined ones are forwarded side by side.) Null = they all are.
 */
export function judgeRequests(sent: Reading, seen: readonly SeenRequest[]): string | null {
  const left = [...sent.requests];
  for (const request of seen) {
    const at = left.findIndex((each) => same(each, request));
    if (at < 0)
      return `the origin got a request that was not sent: ${request.method} ${request.target} ${JSON.stringify(request.body)}`;
    left.splice(at, 1);
  }
  return null;
}

function same(sent: PlainRequest, seen: PlainRequest): boolean {
  if (sent.method !== seen.method || sent.body !== seen.body) return false;
  if (forwarded(sent.target) !== seen.target) return false;
  return seen.fields.every(
    ([name, value]) =>
      OWN.test(name) ||
      sent.fields.some(([other, text]) => other === name && (text === value || trimHigh(text) === value)),
  );
}

/** The target as an upstream gets it; empty when none does. */
function forwarded(target: string): string {
  const origin = target.replace(/^http:\/\/[^/?#]+/i, '');
  const [, path = '', query = ''] = /^([^?]*)(.*)$/s.exec(origin.startsWith('/') ? origin : `/${origin}`)!;
  return (normalisePath(path) ?? '') + (query === '?' ? '' : query);
}

/**
 * Every byte that came back must belong to a well-framed reply that is the origin's to the request whose turn it is,
 * the gateway's own, or its addon's. Null = it does. The last one may have been cut.
 */
export function judgeReplies(received: string, sent: Reading, seen: readonly SeenRequest[]): string | null {
  let rest: Buffer = Buffer.from(received.replace(PAGE, ''), 'latin1');
  for (let at = 0; rest.length > 0;) {
    if (at > sent.requests.length) return 'more replies than requests';
    const parsed = take(rest, sent.requests[at], seen);
    if (typeof parsed === 'string') return parsed;
    if (parsed === null) return judgeCut(rest, sent.requests[at], seen);
    rest = parsed.rest;
    if (parsed.reply.status !== 100) at++;
  }
  return null;
}

function take(
  bytes: Buffer,
  request: PlainRequest | undefined,
  seen: readonly SeenRequest[],
): { reply: WireReply; rest: Buffer } | string | null {
  // Of what is not a request for each of the readers, or too long, the method is not known.
  const known =
    request !== undefined &&
    /^(\/|http:\/\/)[!-~]*$/i.test(request.target) &&
    headBytes(request) < LONG &&
    !request.fields.some(([, value]) => value.includes('\x7f'));
  const methods = known ? [request.method] : ['GET', 'HEAD'];
  let wrong: string | null = null;
  for (const method of methods) {
    try {
      const parsed = parseReply(bytes, method);
      if (parsed === null) return null;
      wrong = judgeReply(parsed.reply, method, request, seen);
      if (wrong === null) return parsed;
    } catch (error) {
      if (!(error instanceof MalformedReply)) throw error;
      wrong = error.message;
    }
  }
  return wrong;
}

/** Heads from about here on are refused unread, by either edge. */
const LONG = 8000;

const headBytes = ({ target, fields }: PlainRequest): number =>
  fields.reduce((bytes, [name, value]) => bytes + name.length + value.length, target.length);

function judgeReply(
  reply: WireReply,
  method: string,
  request: PlainRequest | undefined,
  seen: readonly SeenRequest[],
): string | null {
  if (reply.status === 100) return null;
  const body = reply.body.toString('latin1');
  const answer = reply.get('x-answer');
  if (answer !== undefined) {
    const asked = whose(answer, request, seen);
    if (asked === undefined) return `a reply to another request: ${answer}`;
    return body === (method === 'HEAD' ? '' : asked.answer) ? null : `not the origin's body: ${body}`;
  }
  if (reply.get('content-type') === 'application/problem+json')
    return (method === 'HEAD' && body === '') || isProblem(body, reply.status)
      ? null
      : `no problem document: ${body}`;
  return `a reply of nobody: ${reply.status} ${body}`;
}

/** The request that the origin gave this answer to, if it is the one whose turn it is. */
const whose = (
  answer: string,
  request: PlainRequest | undefined,
  seen: readonly SeenRequest[],
): SeenRequest | undefined =>
  seen.find(
    (each) =>
      Buffer.from(answer, 'hex').toString('latin1') === each.answer &&
      request !== undefined &&
      same(request, each),
  );

function isProblem(body: string, status: number): boolean {
  try {
    const { type, status: told } = JSON.parse(body) as { type?: string; status?: number };
    return told === status && /^urn:sluice:problem:[a-z_]+$/.test(type ?? '');
  } catch {
    return false;
  }
}

/** The connection ended in the middle of a reply: what came of it must be the beginning of the right one. */
function judgeCut(
  bytes: Buffer,
  request: PlainRequest | undefined,
  seen: readonly SeenRequest[],
): string | null {
  const text = bytes.toString('latin1');
  if (!text.includes('\r\n\r\n')) return /^HTTP\/1\.1 /.test(text) ? null : `not a reply: ${text}`;
  const [, answer] = /\r\nx-answer: ([0-9a-f]+)\r\n/i.exec(text) ?? [];
  return answer === undefined || whose(answer, request, seen) !== undefined
    ? null
    : `a reply to another request: ${text}`;
}
