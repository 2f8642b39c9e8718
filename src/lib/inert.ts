import type { Services } from '../contracts/policy.ts';
import type { Bucket, LimitStore } from '../contracts/stores.ts';

const bucket: Bucket = { take: () => 0, give: () => undefined, resetMs: () => 0 };

/** Counts nothing and refuses nobody. */
const limits: LimitStore = { bucket: () => bucket, close: () => Promise.resolve() };

/** For compiling a configuration only to see whether it can be served. */
export const inertServices: Services = { limits, counter: () => ({ inc: () => undefined }) };
