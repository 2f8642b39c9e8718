import type { Reply } from '../contracts/http.ts';
import { statusLine } from '../lib/status.ts';
import type { UwsResponse } from './uws-types.ts';

/**
 * The last answer of a connection, to a request that nobody looked at. It is given once the addon has read the segment to
 * its end, as in `uws.ts`: else a request that follows would undo the close.
 */
export function turnAway(res: UwsResponse, reply: Reply, head: boolean): void {
  let gone = false;
  res.onAborted(() => {
    gone = true;
  });
  setImmediate(() => {
    if (!gone) res.cork(() => write(res, reply, head));
  });
}

function write(res: UwsResponse, { status, headers, body }: Reply, head: boolean): void {
  res.writeStatus(statusLine(status));
  for (let i = 0; i < headers.length; i += 2) res.writeHeader(headers[i]!, headers[i + 1]!);
  if (head || body === null) res.endWithoutBody(body?.length ?? 0, true);
  else res.end(body, true);
}
