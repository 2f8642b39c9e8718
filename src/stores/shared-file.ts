import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(1024 * 1024);

/**
 * A file of `length` zero bytes that has no name any more: nobody else can open it, a run never meets what another
 * one left, and it is gone with the last process that has it open. Every page is written here, because a file
 * system that is full shows as an error now (ENOSPC) and would end a process later (SIGBUS).
 * @returns Its descriptor. @throws The system's error.
 */
export function openNameless(folder: string, length: number): number {
  const path = join(folder, `sluice-${process.pid}-${randomBytes(8).toString('hex')}`);
  const fd = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    for (let at = 0; at < length;) at += writeSync(fd, CHUNK, 0, Math.min(CHUNK.length, length - at), at);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
