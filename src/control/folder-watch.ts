import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';

/** Watches one folder, through its being replaced by another of the same name. */
export class FolderWatch {
  readonly #folder: string;
  readonly #stirred: () => void;
  #watcher: FSWatcher | null = null;
  /** Of the folder that the watcher looks at; -1 = none. */
  #inode = -1;

  /** @param stirred Called for every event in the folder, whatever it is. */
  constructor(folder: string, stirred: () => void) {
    this.#folder = folder;
    this.#stirred = stirred;
    this.refresh();
  }

  /** Watches anew when the folder is another one than before, or is back. Call it now and then. */
  refresh(): void {
    if (inodeOf(this.#folder) === this.#inode) return;
    this.close();
    try {
      this.#inode = statSync(this.#folder).ino;
      this.#watcher = watch(this.#folder, { persistent: false }, this.#stirred);
      this.#watcher.on('error', () => this.close());
    } catch {
      this.close();
    }
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#inode = -1;
  }
}

const inodeOf = (folder: string): number => {
  try {
    return statSync(folder).ino;
  } catch {
    return -1;
  }
};
