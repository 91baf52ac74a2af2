"""The page's modules that know no page: values of fields, the command, the subscription. Run in the browser."""

from __future__ import annotations

import json
import shlex
from typing import Any

from tests.page.conftest import Evaluate


def test_a_fields_text_is_a_value_of_its_kind(evaluate: Evaluate) -> None:
    texts = [
        ["whole", "3", False], ["whole", "many", False], ["whole", "", False], ["number", "1e-3", False],
        ["truth", "true", False], ["text", "3", False], ["text", " ", True], ["list", "[1, 2]", False],
        ["list", "[1, 2", False], ["mapping", '{"a": [1]}', False], ["choice", "adamw", False], ["whole", "", True],
    ]  # fmt: skip
    values = evaluate(
        """
        const { valueOf } = await import("/static/settings.js");
        return given.map(([kind, text, optional]) => valueOf({ kind, optional }, text));
        """,
        texts,
    )
    assert values == [3, "many", "", 0.001, True, "3", None, [1, 2], "[1, 2", {"a": [1]}, "adamw", None]


def test_the_command_is_one_that_a_shell_reads_back(evaluate: Evaluate) -> None:
    request = {"config_name": 'it\'s "$HOME" `x`.yaml', "overrides": {"a": [1, "\n"]}}
    command = evaluate('return (await import("/static/settings.js")).curlOf("http://host", given, true)', request)
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:4] == ["curl", "-X", "POST", "http://host/training/start"]
    assert json.loads(words[words.index("-d") + 1]) == request
    assert "Authorization: Bearer $TRAINING_API_TOKEN" in words


SYNC = """
    const { INITIAL, reduce } = await import("/static/state.js");
    const { Sync } = await import("/static/sync.js");
    let state = INITIAL;
    const asked = [];
    const sync = new Sync({
        getState: () => state,
        dispatch: (action) => (state = reduce(state, action)),
        send: (request, answered) => asked.push({ request, answered }),
    });
    const run = (run_id, state = "running") => ({ run_id, state });
    const metrics = (run_id, from_row, ...values) =>
        sync.receive("metrics", { run_id, columns: ["a"], from_row, rows: values.map((value) => [value]) });
    const log = (run_id, offset, text) =>
        sync.receive("log", { run_id, offset, next_offset: offset + text.length, text });
    const answer = (of, from_row = 0, values = [], offset = 0, text = "") => asked.at(-1).answered({
        run: of, progress: null, columns: ["a"], from_row, rows: values.map((v) => [v]), epochs: [],
        log: { offset, next_offset: offset + text.length, text },
    });
    const shown = () => [
        state.run?.run_id ?? null, state.run?.state ?? null,
        (state.metrics.columns.get("a") ?? []).slice(0, state.metrics.count),
        state.log.pieces.map(({ text }) => text).join(""),
    ];
    const positions = () => asked.map(({ request }) => [request.row, request.log_offset]);
    sync.connected();
"""


def sync(evaluate: Evaluate, story: str) -> Any:
    return evaluate(SYNC + story + "; return [shown(), positions()]")


def test_events_wait_for_the_answer_that_they_continue(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        metrics("A", 0, 1); metrics("A", 1, 2);  // The first is in the answer too.
        log("A", 0, "x"); log("A", 1, "y");
        answer(run("A"), 0, [1], 0, "x");
        metrics("A", 2, 3);
        """,
    )
    assert shown == ["A", "running", [1, 2, 3], "xy"]
    assert positions == [[0, None]]


def test_a_gap_is_filled_by_one_subscription(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        answer(run("A"), 0, [1], 0, "x");
        metrics("A", 3, 4);  // Rows 1 and 2 are missing.
        log("A", 5, "z");
        metrics("A", 4, 5);
        answer(run("A"), 1, [2, 3, 4], 1, "yyyy");
        """,
    )
    assert shown == ["A", "running", [1, 2, 3, 4, 5], "xyyyyz"]
    assert positions == [[0, None], [1, 1]]


def test_a_gap_found_after_the_answer_asks_again(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        metrics("A", 5, 6);
        answer(run("A"), 0, [1, 2]);
        answer(run("A"), 2, [3, 4, 5, 6]);
        """,
    )
    assert shown == ["A", "running", [1, 2, 3, 4, 5, 6], ""]
    assert positions == [[0, None], [2, 0]]


def test_a_new_run_begins_from_nothing(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        answer(run("A"), 0, [1, 2], 0, "old");
        sync.receive("run", run("B", "starting"));
        metrics("B", 0, 7); log("B", 0, "new");
        """,
    )
    assert shown == ["B", "starting", [7], "new"]
    assert positions == [[0, None]]


def test_an_answer_about_another_run_is_asked_for_from_its_beginning(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        answer(run("A"), 0, [1, 2], 0, "old");
        sync.disconnected(); sync.connected();
        answer(run("B"), 2, [9]);  // It counts our rows of A as its own.
        answer(run("B"), 0, [7, 8, 9], 0, "new");
        """,
    )
    assert shown == ["B", "running", [7, 8, 9], "new"]
    assert positions == [[0, None], [2, 3], [0, None]]


def test_a_run_that_changes_during_a_subscription_is_asked_about_again(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        sync.receive("run", run("A", "completed"));
        sync.receive("run", run("B", "starting"));
        answer(run("B"), 0, [1]);
        answer(run("B"), 1, [2]);
        """,
    )
    assert shown == ["B", "running", [1, 2], ""]
    assert positions == [[0, None], [1, 0]]


def test_the_end_is_not_taken_back_by_what_came_before(evaluate: Evaluate) -> None:
    shown, _ = sync(evaluate, 'sync.receive("run", run("A", "stopping")); answer(run("A", "stopped"))')
    assert shown[1] == "stopped"


def test_a_late_answer_to_a_lost_connection_is_ignored(evaluate: Evaluate) -> None:
    shown, positions = sync(
        evaluate,
        """
        const late = asked[0].answered;
        sync.disconnected(); sync.connected();
        answer(run("A"), 0, [1]);
        late({
            run: run("A"), columns: ["a"], from_row: 0, rows: [], epochs: [],
            log: { offset: 0, next_offset: 0, text: "" },
        });
        """,
    )
    assert shown == ["A", "running", [1], ""]
    assert positions == [[0, None], [0, None]]


def test_a_log_far_ahead_is_not_fetched_whole(evaluate: Evaluate) -> None:
    _, positions = sync(evaluate, 'answer(run("A"), 0, [1], 0, "x"); log("A", 100_000_000, "y")')
    assert positions == [[0, None], [1, None]]


def test_no_run_is_an_answer_too(evaluate: Evaluate) -> None:
    shown, _ = sync(
        evaluate, 'answer(run("A"), 0, [1]); sync.disconnected(); sync.connected(); answer(null); answer(null)'
    )
    assert shown == [None, None, [], ""]


def test_a_model_that_prepares_images_itself_is_given_pixels(evaluate: Evaluate) -> None:
    plain, included = evaluate("""
        const { snippetFor } = await import("/static/snippet.js");
        const card = { class_names: ["cat"], mean: [0, 0, 0], std: [1, 1, 1], input_shape: [null, 3, 8, 9] };
        return [card, { ...card, includes_preprocessing: true }].map((each) => snippetFor(each, "pets.fp16.onnx"));
    """)
    assert 'session.run(["logits"]' in plain
    assert "MEAN" in plain
    assert 'session.run(["probabilities"], {"input": batch})' in included
    assert "batch = np.asarray(image).transpose(2, 0, 1)[None]" in included
    assert "MEAN" not in included
    for program in (plain, included):
        compile(program, "pets.py", "exec")
        assert ".resize((9, 8)" in program
        assert 'InferenceSession("pets.fp16.onnx")' in program


def test_a_model_of_deep_images_is_given_8_bits(evaluate: Evaluate) -> None:
    program = evaluate("""
        const { snippetFor } = await import("/static/snippet.js");
        const card = { class_names: ["cat"], mean: [0], std: [1], input_shape: [null, 1, 8, 9] };
        return snippetFor({ ...card, value_range: [-100, 1023] }, "pets.onnx");
    """)
    compile(program, "pets.py", "exec")
    assert "(np.asarray(image, np.float64) - -100) * (255 / 1123)" in program


def test_a_notice_goes_when_the_connection_is_back(evaluate: Evaluate) -> None:
    notices = evaluate("""
        const { INITIAL, reduce } = await import("/static/state.js");
        let state = reduce(INITIAL, { type: "notice", text: "It broke." });
        return ["live", "offline", "live"].map((status) => {
            state = reduce(state, { type: "connection", status });
            return state.notice;
        });
    """)
    assert notices == ["It broke.", "It broke.", None]


def test_a_run_that_names_no_dataset_has_its_folders_name(evaluate: Evaluate) -> None:
    requests = [{"dataset": "digits"}, {"dataset": None, "train_data_dir": "/data/pets/train/"}, {}, None]
    names = evaluate(
        'const { datasetName } = await import("/static/format.js"); '
        "return given.map(datasetName).map((name) => name ?? null)",
        requests,
    )
    assert names == ["digits", "pets", None, None]
