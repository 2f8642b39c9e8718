import type { Block, ReplyHead } from '../contracts/http.ts';
import { statusLine } from '../lib/status.ts';
import type { UwsResponse } from './uws-types.ts';

const LF = 10;
const COLON = 58;

/** The name of the first field written last: most replies of an upstream begin alike, and a view costs much more than a look. */
let lastName = new Uint8Array(0);

/**
 * Writes status and fields of a checked head: the block in one call where the addon takes all lines behind the first
 * colon as one value, and all behind the status as that (`whole`, found by the self-test), else line by line. Lines
 * that stand apart are text, and stay text: a block made for them would cost more than all else that is done to it.
 */
export function writeHead(res: UwsResponse, head: ReplyHead, whole: boolean): void {
  const block = whole ? head.apart() : head.block();
  const { status, opening, lines } = head;
  if (whole && opening !== null) res.writeStatus(opening);
  else {
    // 200 is what the addon writes by itself.
    if (status !== 200) res.writeStatus(statusLine(status));
    writeBlock(res, block, whole);
  }
  if (lines === '') return;
  const colon = lines.indexOf(':');
  res.writeHeader(lines.slice(0, colon), lines.slice(colon + 2, -2));
}

function writeBlock(res: UwsResponse, { bytes, from, to }: Block, whole: boolean): void {
  for (let at = from; at < to;) {
    const end = whole ? to : bytes.indexOf(LF, at) + 1;
    const colon = at + nameLength(bytes, at);
    let value = colon + 1;
    while (bytes[value] === 32 || bytes[value] === 9) value++;
    res.writeHeader(lastName, new Uint8Array(bytes.buffer, bytes.byteOffset + value, end - 2 - value));
    at = end;
  }
}

/** Length of the name that begins at `at`; `lastName` is that name afterwards. */
function nameLength(bytes: Uint8Array, at: number): number {
  const { length } = lastName;
  let same = 0;
  while (same < length && bytes[at + same] === lastName[same]) same++;
  if (length > 0 && same === length && bytes[at + same] === COLON) return length;
  let colon = at;
  while (bytes[colon] !== COLON) colon++;
  lastName = new Uint8Array(bytes.subarray(at, colon));
  return colon - at;
}
