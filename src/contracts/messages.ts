import type { Fact } from './facts.ts';
import type { Snapshot } from './runtime.ts';

/** Change of one metric series since the last push: name, label values in declared order, and numbers to add (or set, for gauges). */
export type SeriesDelta = readonly [name: string, labels: readonly string[], values: readonly number[]];

/** Everything that the primary says to a worker. */
export type ToWorker =
  /** Compile this generation and answer `prepared` or `refused`; nothing changes yet. */
  | { readonly t: 'snapshot'; readonly snapshot: Snapshot }
  /** Serve the prepared generation from now on. */
  | { readonly t: 'commit'; readonly generation: number }
  | { readonly t: 'fact'; readonly fact: Fact }
  /** Finish what runs, take nothing new, then answer `drained` and exit. */
  | { readonly t: 'drain'; readonly delayMs: number; readonly graceMs: number };

/** Everything that a worker says to the primary. */
export type ToPrimary =
  /** Listening with the committed generation. */
  | { readonly t: 'ready'; readonly generation: number; readonly edge: string }
  /** The port cannot be opened: the worker exits after this. */
  | { readonly t: 'unable'; readonly why: string }
  | { readonly t: 'prepared'; readonly generation: number }
  | { readonly t: 'refused'; readonly generation: number; readonly why: string }
  | { readonly t: 'applied'; readonly generation: number }
  /** Pushed every second, and once more at the end of a drain. */
  | { readonly t: 'metrics'; readonly deltas: readonly SeriesDelta[] }
  | { readonly t: 'fact'; readonly fact: Fact }
  | { readonly t: 'drained' };

/** One end of the conversation. */
export interface Channel<In, Out> {
  send(message: Out): void;
  on(handle: (message: In) => void): void;
}
