import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplyReader } from '../../src/upstream/h1/parse.ts';
import { blockText } from '../support/block.ts';
import { REPLIES } from './corpus.ts';
import { cutAt, cuts, mutated } from './mutate.ts';
import { plainReply } from './plain-reply.ts';
import { casesOf, escaped, LIMIT_MS, SEED } from './settings.ts';

/** Never sent by an origin, and in every byte of the buffer that was not fed. */
const STALE = 0xfe;

interface Outcome {
  state: 'done' | 'waiting' | 'bad';
  status: number;
  block: string;
  body: string;
  untilClose: boolean;
  keepAlive: boolean;
}

/** What the reader under test makes of the pieces, each fed in the same buffer, as sockets do. */
function read(pieces: readonly Buffer[], bodyless: boolean): Outcome & { fed: number } {
  const reader = new ReplyReader();
  reader.expect(bodyless);
  const buffer = Buffer.alloc(65_536);
  const outcome: Outcome = {
    state: 'waiting',
    status: 0,
    block: '',
    body: '',
    untilClose: false,
    keepAlive: false,
  };
  let fed = 0;
  for (const piece of pieces) {
    buffer.fill(STALE, piece.length, piece.length + 4096);
    piece.copy(buffer);
    fed += piece.length;
    reader.feed(buffer, piece.length);
    if (reader.wrong !== '') return { ...outcome, state: 'bad', fed };
    if (reader.head !== null) {
      outcome.status = reader.head.status;
      outcome.block = blockText(reader.head.block());
    }
    outcome.body += Buffer.from(reader.piece).toString('latin1');
    if (reader.done)
      return { ...outcome, state: 'done', keepAlive: reader.keepAlive && !reader.hasRest, fed };
  }
  return { ...outcome, untilClose: reader.untilClose, fed };
}

/** Compares what the reader found with the plain reading of the same bytes. */
function judge(bytes: Buffer, pieces: readonly Buffer[], bodyless: boolean): void {
  const text = bytes.toString('latin1');
  const plain = plainReply(text, bodyless);
  const { fed, ...found } = read(pieces, bodyless);
  if (found.state === 'bad') {
    // A line, or a head, may be refused before its end has come, but never one that would have been good.
    const ended = text.endsWith('\r') ? `${text}\n` : `${text}\r\n`;
    const plains = [plain, plainReply(ended, bodyless), plainReply(`${ended}\r\n`, bodyless)];
    expect(plains.map(({ state }) => state)).toContain('bad');
    expect(plain.body.startsWith(found.body)).toBe(true);
    if (found.status !== 0) expect([found.status, found.block]).toEqual([plain.status, plain.block]);
    return;
  }
  const { end, ...wanted } = plain;
  // Bytes that come behind the reply in the same read make its connection useless.
  expect(found).toEqual({ ...wanted, keepAlive: wanted.keepAlive && end === fed });
}

test(
  'the reply reader finds what a plain reading of the same bytes finds, in any pieces',
  () => {
    const input = fc.tuple(mutated(REPLIES), cuts, fc.nat(7));
    fc.assert(
      fc
        .property(input, ([bytes, places, bodyless]) => {
          judge(bytes, [bytes], bodyless === 0);
          judge(bytes, cutAt(bytes, places), bodyless === 0);
        })
        .beforeEach(() => undefined),
      {
        numRuns: casesOf('reader'),
        seed: SEED,
        reporter: (run) => {
          if (!run.failed) return;
          const [bytes, places, bodyless] = run.counterexample?.[0] ?? [Buffer.alloc(0), [], 0];
          throw new Error(
            `seed ${SEED}, ${run.numRuns} cases: "${escaped(bytes)}" cut at [${places.join()}]${bodyless === 0 ? ' after HEAD' : ''}: ${String(run.errorInstance)}`,
          );
        },
      },
    );
  },
  LIMIT_MS,
);

test('every message of the corpus is read to its end', () => {
  for (const text of REPLIES) {
    const { state, untilClose } = plainReply(text, false);
    expect([state, untilClose], text).toContain(untilClose ? true : 'done');
  }
});
