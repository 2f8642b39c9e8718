import { STATUS_CODES } from 'node:http';

/** `200 OK` and so on, by status: made once. The space is not optional where there is no phrase (RFC 9112 section 4). */
const LINES: readonly string[] = Array.from(
  { length: 600 },
  (_, status) => `${status} ${STATUS_CODES[status] ?? ''}`,
);

/** What follows the protocol version in a status line; the reason phrase is the standard one. */
export const statusLine = (status: number): string => LINES[status] ?? '502 Bad Gateway';

/** Whether a reply to that method and of that status has no body on the wire, whatever its length says (RFC 9110 section 6.4.1). */
export const isBodiless = (method: string, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304;
