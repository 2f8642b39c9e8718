import type { z } from 'zod';
import { Refusal } from './refusal.ts';

/** One mistake in what was sent: where, and what to do about it. */
export interface Mistake {
  /** Dotted path such as `keys.0.hash`; empty for the whole body. */
  readonly path: string;
  readonly message: string;
}

/** Checks what was sent by its schema; refuses it with 422 and the path of each mistake. Nothing sent counts as `{}`. */
export function input<S extends z.ZodType>(schema: S, sent: unknown): z.output<S> {
  const parsed = schema.safeParse(sent ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })));
}

/** A refusal with 422. */
export function invalid(errors: readonly Mistake[]): Refusal {
  return new Refusal('unprocessable', 'What was sent cannot be used; nothing was changed.', { errors });
}
