import { runTo } from "./run";
import { message } from "./suite";

test.each([
  ["all messages without a gap", 4, [1, 2, 3, 4], [1, 2, 3, 4]],
  ["nothing before a gap", 6, [1, 2, 4, 5, 6], [4, 5, 6]],
  ["nothing before the last gap", 9, [1, 3, 5, 8, 9], [8, 9]],
  ["nothing when the last is missing", 5, [2, 3, 4], []],
  ["nothing when later ones exist", 3, [2, 3, 4], []],
  ["nothing of an empty list", 1, [], []],
])("a run is %s", (_, last, seqs, run) => {
  expect(
    runTo(
      last,
      seqs.map((seq) => message(seq)),
    ).map((m) => m.seq),
  ).toEqual(run);
});
