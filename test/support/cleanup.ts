import { afterAll, onTestFinished, TestRunner } from 'vitest';

type Stop = () => void | Promise<void>;

const leftovers: Stop[] = [];

// Registered when a test file imports this module, so for that file.
afterAll(async () => {
  for (const stop of leftovers.splice(0).reverse()) await stop();
});

/** Runs `stop` when the test that is running ends, or outside of a test (beforeAll) after the file's last test. */
export function atEnd(stop: Stop): void {
  if (TestRunner.getCurrentTest() === undefined) leftovers.push(stop);
  else onTestFinished(stop);
}
