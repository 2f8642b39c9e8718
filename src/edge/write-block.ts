import type { UwsResponse } from './uws-types.ts';

const LF = 10;
const COLON = 58;

/**
 * Writes a checked block `name: value\r\n…`: in one call where the addon takes all lines behind the first colon
 * as one value (`whole`, found by the self-test), else line by line.
 */
export function writeBlock(res: UwsResponse, block: Uint8Array, whole: boolean): void {
  for (let at = 0; at < block.length;) {
    const end = whole ? block.length : block.indexOf(LF, at) + 1;
    let colon = at;
    while (block[colon] !== COLON) colon++;
    let value = colon + 1;
    while (block[value] === 32 || block[value] === 9) value++;
    res.writeHeader(view(block, at, colon), view(block, value, end - 2));
    at = end;
  }
}

// `subarray` costs three times as much as the constructor.
const view = (block: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(block.buffer, block.byteOffset + from, to - from);
