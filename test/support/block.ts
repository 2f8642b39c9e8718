import type { Block } from '../../src/contracts/http.ts';

/** The bytes of a block as text. */
export const blockText = ({ bytes, from, to }: Block): string =>
  Buffer.from(bytes.subarray(from, to)).toString('latin1');
