import type { RouteConfig } from '../contracts/config.ts';
import type { Headers, Reply } from '../contracts/http.ts';
import { encodeBlock, encodeOpening } from '../lib/reply-head.ts';

/** The reply of a `respond`, made once and given often; names of fields are in lower case by now. */
export function compileReply({ status, body, headers }: NonNullable<RouteConfig['respond']>): Reply {
  const list: Headers = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]);
  if (body !== '' && headers['content-type'] === undefined)
    list.push('content-type', 'text/plain; charset=utf-8');
  const block = encodeBlock(list);
  return { status, headers: list, body: Buffer.from(body), block, opening: encodeOpening(status, block) };
}
