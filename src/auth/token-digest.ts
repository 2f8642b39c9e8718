import { hash } from 'node:crypto';

/** Stands for a token's text under one set of rules: 64 hexadecimal digits. */
export const digestOf = (rules: string, token: string): string => hash('sha256', rules + token, 'hex');

/** Places of a table that is found by digest. */
export const SLOTS = 4_096;

export const slotOf = (digest: string): number => parseInt(digest.slice(-3), 16);
