import { loadAddon } from '../edge/addon.ts';
import { selfTest } from '../edge/selftest.ts';

/** Which edge the workers use; `why` tells what is wrong with uWebSockets.js when it is not to be used. */
export interface EdgeChoice {
  readonly edge: 'uws' | 'node';
  /** Whether the addon writes a whole block of header fields in one call. */
  readonly blockWrite: boolean;
  readonly why: string | null;
}

/** Tries uWebSockets.js once, in the primary, unless the node edge is wanted anyway. */
export async function chooseEdge(wanted: string, headerBytes: number): Promise<EdgeChoice> {
  if (wanted === 'node') return { edge: 'node', blockWrite: false, why: null };
  try {
    const { failures, blockWrite } = await selfTest(loadAddon({ headerBytes }));
    if (failures.length === 0) return { edge: 'uws', blockWrite, why: null };
    return { edge: 'node', blockWrite: false, why: failures.join('; ') };
  } catch (error) {
    return { edge: 'node', blockWrite: false, why: error instanceof Error ? error.message : String(error) };
  }
}
