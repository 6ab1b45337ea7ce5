/** Ends a jest run with the plain line "N passed, N failed" (", N skipped" where there are any). */
module.exports = class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const skipped = results.numPendingTests + results.numTodoTests;
    // A test file that could not even be loaded counts as one failure.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const tail = skipped > 0 ? `, ${skipped} skipped` : "";
    const line = `\n${results.numPassedTests} passed, ${failed} failed${tail}\n`;
    // jest adds its own summary after every reporter, so the line waits for the very end.
    process.once("exit", () => process.stdout.write(line));
  }
};
