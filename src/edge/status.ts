import { STATUS_CODES } from 'node:http';

/** `200 OK` and so on, by status: made once. */
const LINES: readonly string[] = Array.from({ length: 600 }, (_, status) =>
  `${status} ${STATUS_CODES[status] ?? ''}`.trim(),
);

/** What follows the protocol version in a status line; the reason phrase is the standard one. */
export const statusLine = (status: number): string => LINES[status] ?? '502 Bad Gateway';
