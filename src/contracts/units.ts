import { z } from 'zod';

const MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Record<string, number> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };

const amount = (text: string, units: Record<string, number>): number => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([a-zA-Z]+)$/.exec(text) ?? [];
  return Math.round(Number(number) * (units[unit] ?? NaN));
};

/** A duration as written (`250ms`, `30s`, `5m`, `1h`); parsed to milliseconds. */
export const duration = z
  .string('a duration is text such as 250ms, 30s, 5m or 1h')
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, 'a duration is a number and a unit: 250ms, 30s, 5m, 1h')
  .transform((text) => amount(text, MS));

/** A rate as written (`100/s`, `1000/m`); parsed to how many in how many milliseconds. */
export const rate = z
  .string('a rate is text such as 100/s, 1000/m, 5/h or 20/d')
  .regex(/^[1-9]\d{0,8}\/[smhd]$/, {
    error: 'a rate is a whole number, a slash and a unit: 100/s, 1000/m, 5/h, 20/d',
    // Nothing that is computed from a rate can be checked.
    abort: true,
  })
  .transform((text) => {
    const [count = '', unit = ''] = text.split('/');
    return { amount: Number(count), periodMs: MS[unit] ?? NaN };
  });

/** A size as written (`64KB`, `10MB`; KB = 1024 bytes); parsed to bytes. */
export const size = z
  .string('a size is text such as 64KB or 10MB')
  .regex(/^\d+(\.\d+)?(B|KB|MB|GB)$/, 'a size is a number and a unit: 512B, 64KB, 10MB, 1GB')
  .transform((text) => amount(text, BYTES));

/** A share as written (`20%`, `0.5%`); parsed to a fraction from 0 to 1. */
export const percent = z
  .string('a share is text such as 20%')
  .regex(/^\d+(\.\d+)?%$/, 'a share is a number and a percent sign: 20%')
  .transform((text) => Number(text.slice(0, -1)) / 100)
  .refine((share) => share <= 1, 'a share is at most 100%');
