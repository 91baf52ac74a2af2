"""The page's modules that know no page: the log's screen, the metrics, the subscription. Run in the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import end
from tests.page.conftest import launched_browser
from tests.servers import LiveServer

Evaluate = Callable[..., Any]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> None:
    """No check after each test, because the browser and the server are shared by all of these."""


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluate]:
    """Run the body of an async JavaScript function (`given` is its argument) and return its result."""
    with launched_browser() as browser:
        server = LiveServer(tmp_path_factory.mktemp("modules"), "eventlet").start()
        page = browser.new_page()
        page.goto(server.url + "/ping")
        yield lambda body, given=None: page.evaluate(f"async (given) => {{ {body} }}", given)
        end(server)


def test_the_log_is_shown_as_a_terminal_would(evaluate: Evaluate) -> None:
    show = """
        const { EMPTY_SCREEN, write } = await import("/static/terminal.js");
        const shown = (pieces) => {
            const screen = pieces.reduce(write, EMPTY_SCREEN);
            return [...screen.lines, screen.text];
        };
        // Whole, and cut at every place.
        return given.map((text) => [shown([text]), shown([...text])]);
    """
    cases = {
        "one\ntwo": ["one", "two"],
        "one\r\ntwo\r\n": ["one", "two", ""],
        "10%\r20%\r": ["20%"],
        "10%\r20%\rdone\n": ["done", ""],
        "a long bar\rshort": ["shortg bar"],
        "a long bar\r\x1b[Kshort": ["short"],
        "a long bar\x1b[2K\rshort": ["short     "],
        "\x1b[31mred\x1b[0m\x1b[38;5;12mblue": ["redblue"],
        "\x1b]0;a title\x07text": ["text"],
        "wrong\b\b\b\b\bright": ["right"],
        "bell\x07 and nul\x00": ["bell and nul"],
        "tab\tstays, ü too": ["tab\tstays, ü too"],
    }
    for (text, expected), (whole, cut) in zip(cases.items(), evaluate(show, list(cases))):
        assert whole == expected, repr(text)
        assert cut == whole, repr(text)


def test_a_log_without_end_stays_bounded(evaluate: Evaluate) -> None:
    screen = evaluate("""
        const { EMPTY_SCREEN, write, MAX_LINES, MAX_LINE_CHARS } = await import("/static/terminal.js");
        let screen = EMPTY_SCREEN;
        for (let i = 0; i < 50; i += 1) screen = write(screen, "x".repeat(1_000_000));
        const longest = Math.max(...screen.lines.map((line) => line.length), screen.text.length);
        const chars = MAX_LINE_CHARS * (screen.first + screen.lines.length) + screen.text.length;
        return { lines: screen.lines.length <= MAX_LINES, longest: longest <= MAX_LINE_CHARS, chars };
    """)
    assert screen == {"lines": True, "longest": True, "chars": 50_000_000}


def test_columns_may_widen_and_change_their_order(evaluate: Evaluate) -> None:
    shown = evaluate("""
        const { NO_METRICS, append, truncate } = await import("/static/metrics.js");
        const values = ({ count, columns }) =>
            Object.fromEntries([...columns].map(([name, all]) => [name, all.slice(0, count)]));
        const one = append(NO_METRICS, ["a", "b"], [[1, 2], [3, null]]);
        const two = append(one, ["c", "b", "a"], [[30, 20, 10]]);
        const other = append(one, ["a"], [[7]]);
        return [one, two, other, append(truncate(two, 1), ["a", "b", "c"], [[5, 6, 7]])].map(values);
    """)
    assert shown == [
        {"a": [1, 3], "b": [2, None]},
        {"a": [1, 3, 10], "b": [2, None, 20], "c": [None, None, 30]},
        {"a": [1, 3, 7], "b": [2, None, None]},
        {"a": [1, 5], "b": [2, 6], "c": [None, 7]},
    ]


def test_metrics_are_grouped_and_aligned(evaluate: Evaluate) -> None:
    groups, axis, data = evaluate("""
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const { aligned, axisOf, groups } = await import("/static/series.js");
        const names = ["epoch", "lr", "step", "test/acc", "train/acc", "train/loss_step", "val/loss", "never"];
        const metrics = append(NO_METRICS, names, [
            [0, 0.1, 9, null, null, 3, null, null],
            [0, null, 9, null, null, null, 2, null],
            [1, 0.2, 19, 1, null, 1, null, null],
            [1, 0.3, null, null, 0.5, 1, null, null],
        ]);
        return [groups(metrics), axisOf(metrics), aligned(metrics, ["train/loss_step", "val/loss"])];
    """)
    assert groups == [
        ["loss", ["train/loss_step", "val/loss"]],
        ["acc", ["train/acc", "test/acc"]],
        ["lr", ["lr"]],
    ]
    assert axis == "step"
    assert data == [[9, 19], [3, 1], [2, None]]


def test_overrides_are_values_or_text(evaluate: Evaluate) -> None:
    parsed = evaluate(
        'return (await import("/static/overrides.js")).parseOverrides(given)',
        'trainer.max_epochs = 3\n\n# a note\noptimizer.name=sgd\nmodel.config={"depths": [1, 2]}\na=b=c\nnonsense\n= 1',
    )
    assert parsed["overrides"] == {
        "trainer.max_epochs": 3,
        "optimizer.name": "sgd",
        "model.config": {"depths": [1, 2]},
        "a": "b=c",
    }
    assert len(parsed["problems"]) == 2


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
        [...state.log.screen.lines, state.log.screen.text].join("\\n"),
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
