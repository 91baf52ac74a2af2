"""The charts' modules that know no page: axes, points, thinning, smoothing, ticks, differences. Run in the browser."""

from __future__ import annotations

import math

import pytest

from tests.page.conftest import Evaluate

AXIS = """
    const { Axis } = await import("/static/charts/axis.js");
    const { NO_METRICS, append } = await import("/static/metrics.js");
    const rows = (pairs) => append(NO_METRICS, ["epoch", "step"], pairs);
"""


def test_an_epoch_is_done_at_its_number_and_steps_lie_between(evaluate: Evaluate) -> None:
    xs = evaluate(
        AXIS
        + """
        const pairs = [[0, 4], [0, 9], [0, 9], [1, 14], [1, 19], [2, 22], [3, 29]];
        const at_once = new Axis("epoch");
        at_once.update(rows(pairs));
        const one_by_one = new Axis("epoch");
        let metrics = NO_METRICS;
        for (const pair of pairs) one_by_one.update((metrics = append(metrics, ["epoch", "step"], [pair])));
        const known = new Axis("epoch", 10);
        known.update(rows(pairs.slice(0, 1)));
        const without_steps = new Axis("epoch");
        without_steps.update(append(NO_METRICS, ["epoch"], [[0], [1], [null]]));
        const steps = new Axis("step");
        steps.update(rows([[0, 4], [null, null]]));
        return [at_once, one_by_one, known, without_steps, steps].map(({ xs }) => xs);
        """
    )
    # The third epoch ended early; the fourth is as long as it was, and its only row at its end.
    assert xs[0] == pytest.approx([0.5, 1, 1, 1.5, 2, 3, 4])
    assert xs[1] == xs[0]
    assert xs[2:] == [[0.5], [1, 2, None], [4, None]]


def test_of_several_values_at_a_place_the_last_counts_and_order_is_by_place(evaluate: Evaluate) -> None:
    points = evaluate("""
        const { Axis } = await import("/static/charts/axis.js");
        const { Points, nearest } = await import("/static/charts/points.js");
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const [axis, points, told] = [new Axis("step"), new Points(), []];
        let metrics = NO_METRICS;
        for (const rows of [[[1, 5], [1, 6], [2, null]], [[3, 7], [null, 8]], [[2, 9], [1, 4]]]) {
            metrics = append(metrics, ["step", "loss"], rows);
            axis.update(metrics);
            points.update(axis, metrics.columns.get("loss"), metrics.count);
            told.push([points.xs, points.ys, points.generation].map((each) => structuredClone(each)));
        }
        return [told, [0, 1.4, 1.6, 9].map((x) => nearest(points.xs, x)), nearest([], 1)];
    """)
    assert points[0] == [[[1], [6], 0], [[1, 3], [6, 7], 0], [[1, 2, 3], [4, 9, 7], 1]]
    assert points[1:] == [[0, 0, 1, 2], -1]


def test_thinning_keeps_peaks_and_ends_and_is_bounded(evaluate: Evaluate) -> None:
    whole, grown, zoomed, marks = evaluate("""
        const { Decimated, decimate } = await import("/static/charts/decimate.js");
        const xs = Array.from({ length: 100_000 }, (_, i) => i);
        const ys = xs.map((x) => Math.sin(x / 5000));
        Object.assign(ys, { 12345: 50, 77777: -50, 500: NaN, 501: Infinity, 60000: -Infinity, 60001: NaN });
        const pairs = ({ xs, ys }) => xs.map((x, i) => [x, ys[i]]);
        const all = new Decimated().update(xs, ys, 0, 600);
        const growing = new Decimated();
        for (let end = 1000; end <= xs.length; end += 500) growing.update(xs.slice(0, end), ys.slice(0, end), 0, 600);
        return [
            pairs(all), pairs(growing.update(xs, ys, 0, 600)),
            pairs(decimate(xs, ys, { min: 12340, max: 12350, columns: 600 })), all.marks,
        ];
    """)
    assert len(whole) < 6 * 600 * 1.5
    places = [x for x, _ in whole]
    assert places == sorted(set(places))
    assert {(0, 0.0), (12345, 50), (77777, -50), (99999, math.sin(99999 / 5000))} <= {(x, y) for x, y in whole}
    assert grown == whole
    assert [x for x, _ in zoomed] == list(range(12339, 12352))
    assert {(mark["kind"], mark["x"]) for mark in marks} == {
        ("nan", 500), ("inf", 501), ("-inf", 60000), ("nan", 60001)
    }  # fmt: skip


def test_a_line_breaks_where_nothing_was_logged_or_nothing_finite(evaluate: Evaluate) -> None:
    def drawn(xs: list[float], ys: list[float | str]) -> list[float | None]:
        """What is drawn; None is a break."""
        return list(
            evaluate(
                """
                const { decimate } = await import("/static/charts/decimate.js");
                const [xs, ys] = [given[0], given[1].map(Number)];
                return decimate(xs, ys, { min: xs[0], max: xs.at(-1), columns: 600 }).ys;
                """,
                [xs, ys],
            )
        )

    every_100 = [100.0 * i for i in range(10)]
    assert drawn(every_100, [1.0] * 10) == [1.0] * 10  # Logged once an epoch: a line.
    assert drawn([*range(10), *range(50, 60)], [1.0] * 20) == [1.0] * 10 + [None] + [1.0] * 10
    assert drawn(every_100, [1, 1, "NaN", 1, "Infinity", "NaN", 1, 1, 1, "NaN"]) == [
        1,
        1,
        None,
        1,
        None,
        None,
        1,
        1,
        1,
        None,
    ]


def test_a_gap_of_a_line_is_not_bridged_by_the_places_of_others(evaluate: Evaluate) -> None:
    widened = evaluate("""
        globalThis.uPlot ??= {};
        const { widenGaps } = await import("/static/charts/plot.js");
        const ys = [1, undefined, null, undefined, undefined, 2, undefined, 3];
        widenGaps(ys);
        return ys.map(String);
    """)
    assert widened == ["1", "null", "null", "null", "null", "2", "undefined", "3"]


def test_smoothing_is_the_weighted_mean_so_far(evaluate: Evaluate) -> None:
    at_once, grown = evaluate("""
        const { Smoothed } = await import("/static/charts/smooth.js");
        const ys = [1, 3, NaN, 5, 4];
        const smooth = (smoothed, ys) => {
            smoothed.update({ ys, generation: 0 }, 0.5);
            return smoothed.ys.map(String);
        };
        const growing = new Smoothed();
        for (const last of [9, 3, NaN, 5]) smooth(growing, [...ys.slice(0, ys.indexOf(last)), last]);
        return [smooth(new Smoothed(), ys), smooth(growing, ys)];
    """)
    expected = [
        1,
        (0.5 * 1 + 3) / 1.5,
        math.nan,
        (0.25 * 1 + 0.5 * 3 + 5) / 1.75,
        (0.125 + 0.25 * 3 + 0.5 * 5 + 4) / 1.875,
    ]
    assert list(map(float, at_once)) == pytest.approx(expected, nan_ok=True)
    assert grown == at_once


def test_the_best_and_what_is_not_finite_are_known_while_a_line_grows(evaluate: Evaluate) -> None:
    told = evaluate("""
        const { Tally } = await import("/static/charts/tally.js");
        const [tally, told] = [new Tally(), []];
        for (const ys of [[], [3], [3, 1], [3, 2, NaN], [3, 2, NaN, NaN, Infinity, 9]]) {
            tally.update({ ys, generation: 0 });
            const nonFinite = [...tally.nonFinite].map(([kind, { times, first }]) => [kind, times, first]);
            told.push([tally.best(ys, true), tally.best(ys, false), nonFinite]);
        }
        return told;
    """)
    assert told == [
        [-1, -1, []], [-1, -1, []], [1, 0, []], [1, 0, [["nan", 1, 2]]], [1, 5, [["nan", 2, 2], ["inf", 1, 4]]]
    ]  # fmt: skip


def test_ticks_are_round_and_few(evaluate: Evaluate) -> None:
    ticks = evaluate("""
        const { linearTicks, logTicks, rangeOf, tickText } = await import("/static/charts/ticks.js");
        return [
            linearTicks(0.12, 0.91, 5), linearTicks(-3, 1234, 5), logTicks(0.013, 4, 6), logTicks(1e-9, 1e6, 5),
            logTicks(0.21, 0.29, 5), rangeOf(2, 2, false), rangeOf(null, null, false), rangeOf(0.001, 10, true),
            [0.00001, -0.5, 1500, 12345678].map(tickText), rangeOf(0.001, 0.001 + 2e-19, false),
        ];
    """)
    assert ticks[0] == [0.2, 0.4, 0.6, 0.8]
    assert ticks[1] == [0, 500, 1000]
    assert ticks[2] == [0.03, 0.1, 0.3, 1, 3]
    assert ticks[3] == [1e-9, 1e-6, 1e-3, 1, 1000, 1e6]
    assert ticks[4] == pytest.approx([0.22, 0.24, 0.26, 0.28])
    assert ticks[5] == [1.88, 2.12]
    assert ticks[6] == [0, 1]
    assert ticks[7][0] < 0.001 < 10 < ticks[7][1]
    assert ticks[9] == pytest.approx([0.00094, 0.00106])  # One value and its last digit's noise.
    assert ticks[8] == ["1e\u22125", "\u22120.5", "1500", "1.2345678e7"]


def test_zoom_and_pan_stay_within_what_there_is(evaluate: Evaluate) -> None:
    views = evaluate("""
        const { panned, within, zoomed } = await import("/static/charts/view.js");
        const extent = { min: 0, max: 100 };
        return [
            zoomed(extent, 25, 0.5, extent), panned({ min: 10, max: 30 }, 0.5, extent),
            panned({ min: 10, max: 30 }, -9, extent), zoomed({ min: 40, max: 60 }, 50, 9, extent),
            within({ min: 5, max: 5 }, { min: 5, max: 5 }),
        ];
    """)
    assert views == [{"min": 12.5, "max": 62.5}, {"min": 20, "max": 40}, {"min": 0, "max": 20}, None, None]


def test_differences_are_told_by_path(evaluate: Evaluate) -> None:
    differences, best, names = evaluate("""
        const { differences, outcomes, shortNames } = await import("/static/compare/differences.js");
        const one = { seed: 1, model: { depths: [1, 2], config: {} }, only: true };
        const two = { seed: 1, model: { depths: [1, 3], config: {} }, lr: null };
        const worse = { best_metrics: { "best_val/loss": 2, best_lr: 1 } };
        const better = { best_metrics: { "best_val/loss": 1, "best_val/acc": 1 } };
        const ids = ["2026-01-01_10-00-00", "2026-01-01_10-05-00", "2026-01-02_10-00-00"];
        return [
            differences([one, two]).map(([path, values]) => [path, values.map(String)]),
            outcomes([worse, null, better], "best_metrics").map(({ name, best }) => [name, best]),
            [ids.slice(0, 2), [ids[0], ids[2]], ["one"]].map(shortNames),
        ];
    """)
    assert differences == [
        ["lr", ["undefined", "null"]],
        ["model.depths", ["1,2", "1,3"]],
        ["only", ["true", "undefined"]],
    ]
    assert best == [["val/loss", [2]], ["val/acc", []]]
    assert names == [["10-00-00", "10-05-00"], ["2026-01-01_10-00-00", "2026-01-02_10-00-00"], ["one"]]


def test_csv_is_what_was_logged(evaluate: Evaluate) -> None:
    text = evaluate("""
        const { toCsv } = await import("/static/charts/csv.js");
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const name = 'a "b", c';
        const metrics = append(NO_METRICS, ["step", name], [[1, 0.5], [2, null], [3, null]], { [name]: { nan: [2] } });
        const [one, two] = [{ id: "A", metrics }, { id: "B", metrics: append(NO_METRICS, ["lr"], [[1]]) }];
        return [toCsv([one]), toCsv([one, two])];
    """)
    assert text[0].splitlines() == ['"a ""b"", c",step', "0.5,1", ",2", "nan,3"]
    assert text[1].splitlines() == ['run_id,"a ""b"", c",lr,step', "A,0.5,,1", "A,,,2", "A,nan,,3", "B,,1,"]
