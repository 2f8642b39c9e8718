/**
 * Vitest reporter that prints one plain line, "N passed, N failed", as the last thing of the run.
 * Files that could not be collected and errors outside of tests count as failed. Tests that passed only when they were
 * tried again (with CI_RETRY) count as passed; a line before names each, with what went wrong at first.
 */
export default class TallyReporter {
  passed = 0;
  failed = 0;
  flaky = [];
  ended = false;

  onInit() {
    // At exit, so that no other reporter comes after it, and so that a run that broke off or found no test is told too.
    process.once('exit', () => {
      if (!this.ended || this.passed + this.failed === 0) this.failed += 1;
      for (const line of this.flaky) console.log(line);
      console.log(`${this.passed} passed, ${this.failed} failed`);
    });
  }

  onTestRunEnd(modules, errors) {
    this.ended = true;
    this.failed += errors.length;
    for (const module of modules) {
      if (module.errors().length > 0) this.failed += 1;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) this.failed += 1;
      for (const test of module.children.allTests()) this.#count(module, test);
    }
  }

  #count(module, test) {
    const { state, errors = [] } = test.result();
    if (state === 'passed') this.passed += 1;
    if (state === 'failed') this.failed += 1;
    if (!test.diagnostic()?.flaky) return;
    const [{ message = '', stack = '' } = {}] = errors;
    const place = /^ +at .*\/test\/.*$/m.exec(stack)?.[0].trim() ?? '';
    this.flaky.push(`flaky: ${module.relativeModuleId} > ${test.fullName}\n  ${message}\n  ${place}`);
  }
}
