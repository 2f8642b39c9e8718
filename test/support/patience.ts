/** Milliseconds that a test waits for what must come: far longer than it takes, for the machine may stall. */
export const PATIENCE = 15_000;
