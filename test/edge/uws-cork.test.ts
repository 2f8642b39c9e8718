import { expect, test } from 'vitest';
import { CORK_ROOM, corked, corkedPieces } from '../../src/edge/uws-cork.ts';
import type { UwsContext, UwsResponse } from '../../src/edge/uws-types.ts';

/** A response that tells what was written under a cork of ours. */
function setUp() {
  const written: string[] = [];
  let ours = false;
  const res = {
    cork(write: () => void) {
      ours = true;
      write();
      ours = false;
      return res;
    },
  } as unknown as UwsResponse;
  const io = {
    closed: false,
    send: (chunk: Uint8Array) => written.push(`${ours ? 'ours' : "the addon's"} ${chunk.length}`) > 0,
  };
  const context: UwsContext = { draining: false, corked: io, blockWrite: true };
  return { res, io, context, written };
}

test("the first write of a request goes out under the addon's own cork, each later one under ours", () => {
  const { res, io, context, written } = setUp();
  corked(res, io, new Uint8Array(1), false, context);
  corked(res, io, new Uint8Array(2), true, context);
  expect(written).toEqual(["the addon's 1", 'ours 2']);
});

test('so does what is written in pieces, none of which is longer than a cork holds', () => {
  const { res, io, context, written } = setUp();
  corkedPieces(res, io, new Uint8Array(2 * CORK_ROOM), true, context, 100);
  expect(written).toEqual(["the addon's 100", `ours ${CORK_ROOM}`, `ours ${CORK_ROOM - 100}`]);
});

test('a write to another response than that of the handler gets a cork of its own, and ends the other', () => {
  const { res, io, context, written } = setUp();
  context.corked = { ...io };
  corked(res, io, new Uint8Array(1), true, context);
  expect(written).toEqual(['ours 1']);
  expect(context.corked).toBeNull();
});
