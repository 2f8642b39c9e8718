import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FolderWatch } from './folder-watch.ts';

/** `file`: a watched file has other bytes than before. `poll`: time to look, whatever the files say. */
export type WatchReason = 'file' | 'poll';

export interface WatchTimes {
  /** Quiet time after the last event before the files are read, in milliseconds. */
  readonly debounce: number;
  /** Milliseconds between two looks that need no event. */
  readonly poll: number;
}

const TIMES: WatchTimes = { debounce: 200, poll: 30_000 };

/**
 * Tells when the configuration may have changed, however its files were written: in place, by an atomic
 * rename, or by a Kubernetes ConfigMap's swap of its `..data` link. It watches folders, because a watch
 * on a file itself dies with the first rename. The poll covers what no event tells of: network file
 * systems, links to elsewhere, a folder that was replaced.
 */
export class ConfigWatch {
  readonly #changed: (reason: WatchReason) => void;
  readonly #times: WatchTimes;
  readonly #poll: NodeJS.Timeout;
  readonly #folders = new Map<string, FolderWatch>();
  #files: readonly string[] = [];
  #debounce: NodeJS.Timeout | null = null;
  #digest: string | null = null;

  constructor(files: readonly string[], changed: (reason: WatchReason) => void, times: WatchTimes = TIMES) {
    this.#changed = changed;
    this.#times = times;
    this.follow(files);
    this.#digest = digestOf(files);
    this.#poll = setInterval(() => this.#look(), times.poll);
    this.#poll.unref();
  }

  /**
   * Watches these files instead: the configuration and what it refers to. What they hold is not looked
   * at now, so that a change since they were read is never missed: the next event tells of it.
   */
  follow(files: readonly string[]): void {
    this.#files = files;
    const folders = new Set(files.map((file) => dirname(file)));
    for (const [folder, watcher] of this.#folders) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of folders) {
      if (!this.#folders.has(folder)) this.#folders.set(folder, new FolderWatch(folder, () => this.#stir()));
    }
  }

  close(): void {
    for (const folder of this.#folders.values()) folder.close();
    clearInterval(this.#poll);
    if (this.#debounce !== null) clearTimeout(this.#debounce);
  }

  #stir(): void {
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => this.#compare(), this.#times.debounce);
  }

  #compare(): void {
    const digest = digestOf(this.#files);
    // A file that is missing between two steps of its replacement is not yet news.
    if (digest === null || digest === this.#digest) return;
    this.#digest = digest;
    this.#changed('file');
  }

  #look(): void {
    for (const folder of this.#folders.values()) folder.refresh();
    this.#digest = digestOf(this.#files) ?? this.#digest;
    this.#changed('poll');
  }
}

/** Null when one of the files cannot be read. */
function digestOf(files: readonly string[]): string | null {
  const hash = createHash('sha256');
  try {
    for (const file of files) hash.update(readFileSync(file)).update('\0');
    return hash.digest('base64');
  } catch {
    return null;
  }
}
