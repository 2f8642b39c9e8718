import { readFileSync } from 'node:fs';

/** Descriptors kept back for upstreams, files and logs: half, since nearly every client needs an upstream connection too. */
const SHARE = 0.5;
const UNKNOWN = 4096;

/** How many client connections this process may hold: beyond its descriptors, accepting would spin a core. */
export function connectionLimit(): number {
  let limits = '';
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Not Linux: the default below is safe everywhere.
  }
  const soft = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? UNKNOWN);
  return Math.max(64, Math.floor(soft * SHARE));
}
