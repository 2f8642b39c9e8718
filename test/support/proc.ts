import { readFileSync } from 'node:fs';

/** Clock ticks a second in /proc/PID/stat: fixed at 100 for user space on Linux. */
const TICKS = 100;
const PAGE = 4096;

/** Process ids of the direct children; empty when the process is gone. */
export function children(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** Resident memory in bytes; 0 when the process is gone. */
export function rss(pid: number): number {
  return Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE;
}

/** CPU time spent so far, user and system, in milliseconds; 0 when the process is gone. */
export function cpu(pid: number): number {
  const fields = stat(pid);
  return ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1000) / TICKS;
}

/** Whether a process of this id runs; one that has ended and that nobody has waited for does not. */
export function isAlive(pid: number): boolean {
  const state = stat(pid)[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Fields of /proc/PID/stat from the state on; the command name before them may hold spaces. */
function stat(pid: number): string[] {
  return read(`/proc/${pid}/stat`).split(') ').slice(1).at(-1)?.split(' ') ?? [];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
