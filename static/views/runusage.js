/** What the run uses, from its start to its end. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { megabytes, roughly } from "../format.js";
import { measuresOf, statisticsOf } from "../runusage.js";
import { createSparkline, pathsOf, WIDTH } from "../sparkline.js";
import { isActive } from "../state.js";

/** Rows further apart than this many of their usual distances are not joined: nobody measured in between. */
const REACH = 4;
const IN_UNIT = {
  percent: (value) => `${Math.round(value)}%`,
  megabytes,
  celsius: (value) => `${Math.round(value)} °C`,
  watts: (value) => `${Math.round(value)} W`,
};

/** The elements of each measure that is shown, by its title. */
const shown = new Map();

export const renderRunUsage = whenChanged(
  (state) => [state.runUsage, state.view, state.run?.run_id, isActive(state.run), state.detail],
  ({ runUsage, view, run, detail }) => {
    const { rows, everyS } = runUsage;
    byId("run-usage").hidden = run === null || view.name !== "run" || (rows.length === 0 && detail === null);
    if (byId("run-usage").hidden) return;
    const problem = rows.length === 0 ? (detail.usage_problem ?? "") : "";
    byId("no-run-usage").hidden = problem === "";
    setText(byId("no-run-usage"), problem && `No usage: ${problem}.`);
    const times = rows.map(({ time }) => time);
    const length_s = times.at(-1) - times[0];
    setText(byId("run-usage-note"), rows.length > 1 ? `over ${roughly(length_s)}` : "");
    const measures = rows.length === 0 ? [] : measuresOf(rows);
    if (measures.map(({ title }) => title).join() !== [...shown.keys()].join()) build(measures);
    const xs = times.map((time) => (WIDTH * (time - times[0])) / (length_s || 1));
    const reach = (WIDTH * REACH * everyS) / (length_s || 1);
    for (const measure of measures) update(measure, xs, reach, isActive(run));
  },
);

function build(measures) {
  shown.clear();
  const items = measures.map(({ title }) => {
    const [now, whole, spark] = [make("span"), make("span", { className: "quiet" }), createSparkline()];
    shown.set(title, { now, whole, spark });
    const figures = make("span", { className: "usage-figures" }, now, whole);
    return make("div", {}, make("dt", { text: title }), make("dd", {}, figures, spark.element));
  });
  byId("run-usage-measures").replaceChildren(...items);
}

function update({ title, unit, isPeak, values }, xs, reach, isLive) {
  const { now, whole, spark } = shown.get(title);
  const statistics = statisticsOf(values);
  const [text, notable] = statistics === null ? ["–", ""] : textsOf(statistics, IN_UNIT[unit], isPeak);
  setText(now, isLive ? text : notable);
  setText(whole, isLive ? notable : "");
  const top = Math.max(1.05 * (statistics?.highest || 1), unit === "percent" ? 100 : 0);
  spark.draw(pathsOf(xs, values, top, reach));
}

const textsOf = ({ mean, highest, last }, inUnit, isPeak) => [
  inUnit(last),
  isPeak ? `peak ${inUnit(highest)}` : `mean ${inUnit(mean)}`,
];
