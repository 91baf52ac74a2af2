"""The page's modules on metrics and progress: columns, groups, best values, epochs. Run in the browser."""

from __future__ import annotations

from tests.page.conftest import Evaluate


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


def test_metrics_that_belong_together_share_a_chart(evaluate: Evaluate) -> None:
    groups = evaluate(
        """
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const { groups, labelOf } = await import("/static/series.js");
        const labelled = (names) => groups([append(NO_METRICS, names, [names.map(() => 1)])])
            .map(([title, of]) => [title, of.map(labelOf)]);
        return Object.fromEntries(Object.entries(given).map(([tool, names]) => [tool, labelled(names)]));
        """,
        {
            "lightning": ["epoch", "lr", "step", "test/acc", "train/acc", "train/loss", "train/loss_step", "val/loss"],
            "hugging_face": ["step", "epoch", "loss", "eval_loss", "eval_accuracy", "learning_rate"],
            "keras": ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"],
            "ultralytics": ["epoch", "train/loss", "metrics/accuracy_top1", "val/loss", "lr/pg0"],
            "tensorboard": ["Loss/train", "Loss/validation", "time_per_step", "loss_step", "loss_epoch"],
        },
    )
    assert groups == {
        "lightning": [["loss", ["train", "train step", "val"]], ["acc", ["train", "test"]], ["lr", ["lr"]]],
        "hugging_face": [
            ["loss", ["loss", "eval"]],
            ["accuracy", ["eval"]],
            ["learning_rate", ["learning_rate"]],
        ],
        "keras": [["loss", ["loss", "val"]], ["accuracy", ["accuracy", "val"]]],
        "ultralytics": [
            ["loss", ["train", "val"]],
            ["lr/pg0", ["lr/pg0"]],
            ["metrics/accuracy_top1", ["metrics/accuracy_top1"]],
        ],
        "tensorboard": [
            ["loss", ["loss_epoch", "loss_step"]],
            ["Loss", ["train", "validation"]],
            ["time_per_step", ["time_per_step"]],
        ],
    }


def test_a_column_that_never_has_a_value_has_no_chart(evaluate: Evaluate) -> None:
    titles = evaluate("""
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const { groups } = await import("/static/series.js");
        const metrics = append(NO_METRICS, ["step", "a", "b", "c"], [[1, 2, null, null]], { c: { nan: [0] } });
        return groups([metrics, append(NO_METRICS, ["val/f1"], [[1]])]).map(([title]) => title);
    """)
    assert titles == ["a", "c", "f1"]


BEST = """
    const { NO_METRICS, append, bestOf, epochsOf, lastOf, nonFiniteOf } = await import("/static/metrics.js");
    const names = ["epoch", "val/rmse", "val/iou", "lr"];
    const rows = [[0.5, 3, 0.1, 9], [0.5, 2, null, 8], [1, 2, 0.4, 7], [1.5, null, 0.4, null], [1.5, null, 0.2, null]];
    const directions = { "val/rmse": "lower", "val/iou": "higher" };
    const metrics = append(NO_METRICS, names, rows, { "val/rmse": { nan: [3], "-inf": [4] } }, directions);
"""


def test_only_the_service_says_what_is_better(evaluate: Evaluate) -> None:
    best = evaluate(BEST + "return [...names, 'constructor'].map((name) => bestOf(metrics, name))")
    assert best == [None, {"value": 2, "row": 1}, {"value": 0.4, "row": 2}, None, None]


def test_epochs_are_the_programs_own_with_their_last_values(evaluate: Evaluate) -> None:
    epochs, last, odd = evaluate(
        BEST
        + """
        const epochs = [...epochsOf(metrics, names.slice(1))];
        const told = epochs.map(([epoch, values]) => [epoch, ...names.map((name) => values.get(name))].map(String));
        return [told, lastOf(metrics, "lr"), nonFiniteOf(metrics, "val/rmse")];
        """
    )
    assert epochs == [
        ["0.5", "undefined", "2", "0.1", "8"],
        ["1", "undefined", "2", "0.4", "7"],
        ["1.5", "undefined", "-Infinity", "0.2", "undefined"],
    ]
    assert last == 7
    assert odd == [{"kind": "nan", "times": 1, "row": 3}, {"kind": "-inf", "times": 1, "row": 4}]


def test_progress_counts_epochs_that_are_done_and_numbers_others_as_the_program_does(evaluate: Evaluate) -> None:
    texts = evaluate("""
        const { progressText } = await import("/static/progress.js");
        const of = (progress, state = "running") => progressText({ state }, progress);
        const ours = { phase: "fit", epoch: 3, max_epochs: 10, step: 35, total_steps: 100 };
        return [
            of(ours), of({ ...ours, step: 30 }), of({ ...ours, step: 100, phase: "test" }, "completed"),
            of({ epoch: 0.5, max_epochs: 3 }), of({ ...ours, phase: "loading" }),
            of({ epoch: 0, max_epochs: 9, phase: "loading" }, "stopped"), of(null), of(null, "stopping"),
        ];
    """)
    assert texts == [
        "3 of 10 epochs done", "3 of 10 epochs done", "10 of 10 epochs done", "Epoch 0.5", "Loading libraries",
        "", "Running", "Stopping…",
    ]  # fmt: skip


def test_what_json_has_not_is_not_what_was_not_logged(evaluate: Evaluate) -> None:
    shown = evaluate("""
        const { NO_METRICS, append, fromAnswer } = await import("/static/metrics.js");
        const shown = ({ columns }) => [...columns.values()].map((values) => values.map(String));
        const one = append(NO_METRICS, ["a", "b"], [[1, null]]);
        const two = append(one, ["a", "b"], [[null, null], [null, 2]], { a: { nan: [1], inf: [0] } });
        const data = [{ a: 1 }, { a: null }, {}];
        const answer = { available_columns: ["a"], data, non_finite: { a: { "-inf": [1] } } };
        return [shown(two), shown(fromAnswer(answer))];
    """)
    assert shown == [[["1", "Infinity", "NaN"], ["null", "null", "2"]], [["1", "-Infinity", "null"]]]
