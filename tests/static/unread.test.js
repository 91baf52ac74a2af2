import assert from "node:assert/strict";
import { test } from "node:test";
import { sentences, unreadOf } from "../../static/unread.js";

const NOTHING = { metrics_problem: null, num_skipped_rows: 0, skipped_rows: [], text_columns: [] };
const SKIPPED = [{ line: 2, reason: "contains no number" }];

const said = (event) => sentences(unreadOf({ ...NOTHING, ...event }));

test("a file that was read whole is not mentioned", () => {
  assert.equal(said({}), "");
});

test("skipped rows are counted, and the first are named", () => {
  assert.match(said({ num_skipped_rows: 1, skipped_rows: SKIPPED }), /^1 row .*line 2 contains no number\.$/);
  assert.match(said({ num_skipped_rows: 1001, skipped_rows: SKIPPED }), /^1\u2009001 rows .* and 1\u2009000 more\.$/);
});

test("columns of text are named, a few at most", () => {
  assert.match(said({ text_columns: ["a", "b", "c", "d", "e"] }), /a, b, c, and 2 more/);
  assert.match(said({ num_skipped_rows: 1, skipped_rows: SKIPPED, text_columns: ["note"] }), /line 2 .*\. .*note/);
});

test("a file that cannot be read is all there is to say", () => {
  assert.equal(
    said({ metrics_problem: "It cannot be read", num_skipped_rows: 1, skipped_rows: SKIPPED }),
    "It cannot be read.",
  );
});
