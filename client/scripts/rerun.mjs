// Which failing tests of Jest may be run once more, and which of them are flaky. See check.mjs.

/** How many failing tests are run once more. More than these are no flakes. */
const most = 3;

function tests(report) {
  return report.testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }) => ({
      file,
      name: fullName,
      status,
      output: failureMessages.join("\n"),
    })),
  );
}

/**
 * The failing tests of a report, if they are few and are all that failed; otherwise none. A file that could not be run has
 * failed without a test that did.
 */
export function failures(report) {
  const failed = tests(report).filter(({ status }) => status === "failed");
  const whole = report.testResults.some(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return whole || failed.length > most ? [] : failed;
}

/** Which of the failed tests pass in the second report. One that did not run has not passed. */
export function flaky(failed, second) {
  if (second.numRuntimeErrorTestSuites > 0) return [];
  const again = tests(second);
  return failed.filter(({ file, name }) => {
    const outcomes = again.filter((test) => test.file === file && test.name === name).map(({ status }) => status);
    return outcomes.length > 0 && outcomes.every((status) => status === "passed");
  });
}
