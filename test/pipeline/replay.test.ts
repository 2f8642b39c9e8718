import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BodySink, Source } from '../../src/contracts/transport.ts';
import { Replay } from '../../src/pipeline/replay.ts';

/** A client that sends pieces when it is let; every piece lies in one buffer that the next one overwrites. */
class Client implements Source {
  readonly length = -1;
  readonly #pieces: string[];
  #to: BodySink | null = null;
  #flowing = true;

  constructor(pieces: string[]) {
    this.#pieces = [...pieces];
  }

  pipe(to: BodySink): void {
    expect(this.#to).toBeNull();
    this.#to = to;
  }

  resume(): void {
    this.#flowing = true;
  }

  discard(): void {
    this.#to = null;
  }

  /** Sends one piece, if it may. */
  step(): void {
    if (this.#to === null || !this.#flowing || this.#pieces.length === 0) return;
    const piece = Buffer.from(this.#pieces.shift()!);
    this.#flowing = this.#to.onBody(piece, this.#pieces.length === 0);
    piece.fill('!');
  }
}

class Reader implements BodySink {
  text = '';
  ended = false;
  backed = false;

  onBody(chunk: Uint8Array, last: boolean): boolean {
    expect(this.ended).toBe(false);
    this.text += Buffer.from(chunk).toString();
    this.ended = last;
    return !this.backed;
  }
}

test('whenever a reader fails, the next one gets the body from its beginning', () => {
  const pieces = fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 5 }), {
    minLength: 1,
    maxLength: 10,
  });
  const steps = fc.array(fc.constantFrom('step', 'step', 'step', 'fail', 'back up'), { maxLength: 30 });
  fc.assert(
    fc.property(pieces, steps, (list, script) => {
      const client = new Client(list);
      const replay = new Replay(client, 1_000);
      let reader = new Reader();
      replay.pipe(reader);
      for (const act of script) {
        if (act === 'step') client.step();
        else if (act === 'back up') reader.backed = true;
        else {
          expect(replay.repeatable).toBe(true);
          replay.detach();
          client.step();
          reader = new Reader();
          replay.pipe(reader);
        }
        if (reader.backed) {
          reader.backed = false;
          replay.resume();
        }
      }
      for (let i = 0; i <= list.length; i++) client.step();
      expect(reader).toMatchObject({ text: list.join(''), ended: true });
    }),
  );
});

test('what is larger than the bound goes through and cannot be repeated', () => {
  const client = new Client(['12345', '67890', 'abc']);
  const replay = new Replay(client, 8);
  const reader = new Reader();
  expect(replay.repeatable).toBe(true);
  replay.pipe(reader);
  client.step();
  expect(replay.repeatable).toBe(true);
  client.step();
  expect(replay.repeatable).toBe(false);
  client.step();
  expect(reader.text).toBe('1234567890abc');
});

test('without a reader no more is taken than may be kept, and one piece', () => {
  const client = new Client(['12345', '67890', 'abc']);
  const replay = new Replay(client, 8);
  replay.pipe(new Reader());
  replay.detach();
  for (let i = 0; i < 5; i++) client.step();
  const reader = new Reader();
  replay.pipe(reader);
  expect(reader).toMatchObject({ text: '1234567890', ended: false });
  client.step();
  expect(reader).toMatchObject({ text: '1234567890abc', ended: true });
});
