"""The charts' modules that know no page: points, decimation, smoothing, ticks, differences. Run in the browser."""

from __future__ import annotations

import math

import pytest

from tests.page.conftest import Evaluate


def test_of_several_values_at_a_place_the_last_counts_and_order_is_by_place(evaluate: Evaluate) -> None:
    points = evaluate("""
        const { Points, nearest } = await import("/static/charts/points.js");
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const [points, told] = [new Points(), []];
        let metrics = NO_METRICS;
        for (const rows of [[[1, 5], [1, 6], [2, null]], [[3, 7], [null, 8]], [[2, 9], [1, 4]]]) {
            metrics = append(metrics, ["step", "loss"], rows);
            points.update(metrics.columns.get("step"), metrics.columns.get("loss"), metrics.count);
            told.push([points.xs, points.ys].map((each) => structuredClone(each)));
        }
        const rows = new Points();
        rows.update(null, [null, 4, 5], 3);
        return [told, [0, 1.4, 1.6, 9].map((x) => nearest(points.xs, x)), nearest([], 1), rows.xs];
    """)
    assert points[0] == [[[1], [6]], [[1, 3], [6, 7]], [[1, 2, 3], [4, 9, 7]]]
    assert points[1:] == [[0, 0, 1, 2], -1, [1, 2]]


def test_decimation_keeps_peaks_and_ends_and_is_bounded(evaluate: Evaluate) -> None:
    whole, zoomed, marks = evaluate("""
        const { decimate } = await import("/static/charts/decimate.js");
        const xs = Array.from({ length: 100_000 }, (_, i) => i);
        const ys = xs.map((x) => Math.sin(x / 5000));
        Object.assign(ys, { 12345: 50, 77777: -50, 500: NaN, 501: Infinity, 60000: -Infinity, 60001: NaN });
        const pairs = ({ xs, ys }) => xs.map((x, i) => [x, ys[i]]);
        const all = decimate(xs, ys, { min: 0, max: 99_999, columns: 600 });
        return [pairs(all), pairs(decimate(xs, ys, { min: 12340, max: 12350, columns: 600 })), all.marks];
    """)
    assert len(whole) < 5 * 601
    places = [x for x, _ in whole]
    assert places == sorted(set(places))
    assert {(0, 0.0), (12345, 50), (77777, -50), (99999, math.sin(99999 / 5000))} <= {(x, y) for x, y in whole}
    assert [x for x, y in whole if y is None] == [500, 501, 60000, 60001]
    assert [x for x, _ in zoomed] == list(range(12339, 12352))
    assert {(mark["kind"], mark["x"]) for mark in marks} == {
        ("nan", 500), ("inf", 501), ("-inf", 60000), ("nan", 60001)
    }  # fmt: skip


def test_a_line_breaks_where_a_value_is_not_finite_whatever_others_have_there(evaluate: Evaluate) -> None:
    joined = evaluate("""
        const src = "/static/vendor/uPlot-1.6.32.iife.min.js";
        await new Promise((onload) => {
            document.head.append(Object.assign(document.createElement("script"), { src, onload }));
        });
        const { dataOf } = await import("/static/charts/plot.js");
        const { Line } = await import("/static/charts/lines.js");
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const rows = Array.from({ length: 9 }, (_, i) => [i, i % 2 ? null : i / 2, 1]);
        const metrics = append(NO_METRICS, ["step", "a", "b"], rows.with(4, [4, null, 1]), { a: { nan: [4] } });
        const lines = ["a", "b"].map((name) => new Line({ id: "run" }, name));
        for (const line of lines) line.update("step", metrics);
        const view = { min: 0, max: 8 };
        return dataOf(lines, { view, smoothing: 0, isLog: false, width: 600 }).data.map((each) => each.map(String));
    """)
    nothing = ["undefined"]
    assert joined[1] == ["0", *nothing, "1", "null", "null", "null", "3", *nothing, "4"]
    assert joined[2] == ["1"] * 9


def test_smoothing_is_the_weighted_mean_so_far(evaluate: Evaluate) -> None:
    smoothed = evaluate("""
        const { smoothed } = await import("/static/charts/smooth.js");
        return smoothed([1, 3, NaN, 5, 4], 0.5).map(String);
    """)
    expected = [
        1,
        (0.5 * 1 + 3) / 1.5,
        math.nan,
        (0.25 * 1 + 0.5 * 3 + 5) / 1.75,
        (0.125 + 0.25 * 3 + 0.5 * 5 + 4) / 1.875,
    ]
    assert list(map(float, smoothed)) == pytest.approx(expected, nan_ok=True)


def test_a_value_at_another_place_than_the_cursor_says_so(evaluate: Evaluate) -> None:
    texts = evaluate("""
        const { valueText } = await import("/static/charts/summary.js");
        const line = { points: { xs: [99, 400], ys: [0.5, 0.9875] } };
        const empty = { points: { xs: [], ys: [] } };
        return [[line, 400], [line, 260], [empty, 1]].map(([of, x]) => valueText(of, "step", x));
    """)
    assert texts == ["0.9875", "0.9875 (step 400)", "\u2013"]


def test_a_run_without_the_axis_has_no_points_on_it(evaluate: Evaluate) -> None:
    shown = evaluate("""
        const { Line } = await import("/static/charts/lines.js");
        const { bestText, nonFiniteText } = await import("/static/charts/summary.js");
        const { NO_METRICS, append } = await import("/static/metrics.js");
        const rows = [[0, 2], [1, null]];
        const metrics = append(NO_METRICS, ["epoch", "loss"], rows, { loss: { nan: [1] } }, { loss: "lower" });
        const line = new Line({ id: "run" }, "loss");
        return ["step", "epoch", "row"].map((axis) => {
            line.update(axis, metrics);
            return [line.points.xs, bestText(line.best, axis), nonFiniteText(line.nonFinite, axis)];
        });
    """)
    assert shown == [
        [[], "best 2.0000", "NaN once"],
        [[0, 1], "best 2.0000 at epoch 0", "NaN once, at epoch 1"],
        [[0, 1], "best 2.0000 at row 0", "NaN once, at row 1"],
    ]


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
        const { NO_METRICS, append, lastOf } = await import("/static/metrics.js");
        const directions = { "val/loss": "lower", "val/acc": "higher" };
        const worse = append(NO_METRICS, ["val/loss", "lr"], [[2, 1]], {}, directions);
        const better = append(NO_METRICS, ["val/loss", "val/acc"], [[1, 1]], {}, directions);
        const ids = ["2026-01-01_10-00-00", "2026-01-01_10-05-00", "2026-01-02_10-00-00"];
        return [
            differences([one, two]).map(([path, values]) => [path, values.map(String)]),
            outcomes([worse, NO_METRICS, better], lastOf).map(({ name, best }) => [name, best]),
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
