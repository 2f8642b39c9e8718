/**
 * Vitest reporter that prints one plain line, "N passed, N failed", as the last thing of the run.
 * Files that could not be collected and errors outside of tests count as failed.
 */
export default class TallyReporter {
  passed = 0;
  failed = 0;
  ended = false;

  onInit() {
    // At exit, so that no other reporter comes after it, and so that a run that broke off or found no test is told too.
    process.once('exit', () => {
      if (!this.ended || this.passed + this.failed === 0) this.failed += 1;
      console.log(`${this.passed} passed, ${this.failed} failed`);
    });
  }

  onTestRunEnd(modules, errors) {
    this.ended = true;
    this.failed += errors.length;
    for (const module of modules) {
      if (module.errors().length > 0) this.failed += 1;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) this.failed += 1;
      for (const { state } of [...module.children.allTests()].map((test) => test.result())) {
        if (state === 'passed') this.passed += 1;
        if (state === 'failed') this.failed += 1;
      }
    }
  }
}
