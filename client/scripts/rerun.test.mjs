import assert from "node:assert/strict";
import { test } from "node:test";
import { failures, flaky } from "./rerun.mjs";

const one = (fullName, status) => ({ fullName, status, failureMessages: status === "failed" ? ["why"] : [] });
const file = (name, status, ...assertionResults) => ({ name, status, assertionResults });
const report = (...testResults) => ({ testResults, numRuntimeErrorTestSuites: 0 });

test("up to three failing tests are run once more", () => {
  const failed = failures(
    report(file("a", "failed", one("x", "failed"), one("y", "passed")), file("b", "failed", one("z", "failed"))),
  );
  assert.deepEqual(
    failed.map(({ file, name, output }) => [file, name, output]),
    [
      ["a", "x", "why"],
      ["b", "z", "why"],
    ],
  );
});

test("four are not, nor is a file that could not be run", () => {
  const four = ["1", "2", "3", "4"].map((name) => one(name, "failed"));
  assert.deepEqual(failures(report(file("a", "failed", ...four))), []);
  assert.deepEqual(failures(report(file("a", "failed", one("x", "failed")), file("b", "failed"))), []);
  assert.deepEqual(
    failures(report(file("a", "failed", one("x", "failed")), file("b", "failed", one("y", "passed")))),
    [],
  );
});

test("a test is flaky only when it passes the second time", () => {
  const failed = failures(report(file("a", "failed", one("x", "failed"), one("y", "failed"))));
  const names = (...results) => flaky(failed, report(file("a", "passed", ...results))).map(({ name }) => name);
  assert.deepEqual(names(one("x", "passed"), one("y", "failed")), ["x"]);
  assert.deepEqual(names(one("x", "pending")), []);
  assert.deepEqual(names(), []);
});
