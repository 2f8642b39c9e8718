import { Packr } from 'msgpackr';
import type { Channel } from '../contracts/messages.ts';

/** The other process: a `cluster.Worker` in the primary, `process` in a worker. */
export interface Peer {
  send?(message: unknown, done: (error: Error | null) => void): unknown;
  on(event: 'message', handle: (message: unknown) => void): unknown;
  on(event: 'error', handle: (error: Error) => void): unknown;
}

export interface ChannelOptions {
  /** Told what was dropped and why; one line, no message content. */
  readonly warn: (line: string) => void;
  /**
   * Keep messages back until the peer has opened its end. The primary needs this: what reaches a
   * cluster worker before its program listens is lost.
   */
  readonly patient?: boolean;
}

/** A channel that can tell when everything said so far has left the process. */
export interface OpenChannel<In, Out> extends Channel<In, Out> {
  /** Sends what is queued now; `done` is called when it is written, or when there is nobody to write to. */
  flush(done?: () => void): void;
}

const packr = new Packr({ useRecords: false });

/**
 * Opens one end of the conversation between primary and worker. Messages of one tick travel as one
 * msgpackr batch, in order. A peer that is gone swallows what is said to it: nothing throws.
 * The first batch, possibly empty, tells the peer that this end listens.
 */
export function openChannel<In, Out>(peer: Peer, options: ChannelOptions): OpenChannel<In, Out> {
  const handlers: ((message: In) => void)[] = [];
  let queue: Out[] = [];
  let held = options.patient === true;
  let scheduled = false;

  const flush = (done?: () => void): void => {
    scheduled = false;
    if (held || (queue.length === 0 && done === undefined)) return void done?.();
    const batch = queue;
    queue = [];
    post(peer, batch, done);
  };
  const schedule = (): void => {
    if (held || scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  // Without a listener a write to a dead peer would end this process.
  peer.on('error', () => {});
  peer.on('message', (data) => {
    held = false;
    schedule();
    for (const message of unpack(data, options.warn)) {
      for (const handle of handlers) handle(message as In);
    }
  });
  if (!held) post(peer, [], undefined);

  return {
    send(message) {
      queue.push(message);
      schedule();
    },
    on(handle) {
      handlers.push(handle);
    },
    flush,
  };
}

function post(peer: Peer, batch: unknown[], done: (() => void) | undefined): void {
  // An error means that the peer is gone; whoever supervises it learns that from its exit.
  const settled = () => done?.();
  try {
    if (peer.send === undefined) settled();
    else peer.send(packr.pack(batch), settled);
  } catch {
    settled();
  }
}

/** The well-formed messages of a batch: objects with a text `t`. The rest is reported and dropped. */
function unpack(data: unknown, warn: (line: string) => void): readonly unknown[] {
  let batch: unknown;
  try {
    batch = data instanceof Uint8Array ? packr.unpack(data) : undefined;
  } catch {
    batch = undefined;
  }
  if (!Array.isArray(batch)) {
    warn('dropped a malformed batch from the peer process');
    return [];
  }
  const messages = batch.filter(isMessage);
  if (messages.length < batch.length) {
    warn(`dropped ${batch.length - messages.length} malformed messages from the peer process`);
  }
  return messages;
}

const isMessage = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 't' in value && typeof value.t === 'string';
