/** The last runs. */
import { byId, make, whenChanged } from "../dom.js";
import { experimentName, moment } from "../format.js";

/** `download(runId)` saves the model of a run. */
export const createRuns = (download) =>
  whenChanged(
    (state) => [state.runs, state.models],
    ({ runs, models }) => {
      byId("runs").hidden = !runs?.length;
      byId("no-runs").hidden = runs === null || runs.length > 0;
      const withModel = new Set(models.map((model) => model.run_id));
      byId("runs-body").replaceChildren(...(runs ?? []).map((run) => row(run, withModel.has(run.run_id), download)));
    },
  );

function row(run, hasModel, download) {
  const state = make("span", { text: run.status, className: "state" });
  state.dataset.state = run.status;
  const button = make("button", { text: "ONNX", type: "button", className: "small", title: `Download the model of ${run.run_id}` });
  button.addEventListener("click", () => download(run.run_id));
  return make(
    "tr",
    {},
    make("td", {}, state),
    make("td", { text: experimentName(run.config_name) }),
    make("td", { text: run.model_name ?? "", className: "wide-only" }),
    make("td", { text: moment(run.created_at), className: "number" }),
    make("td", {}, ...(hasModel ? [button] : [])),
  );
}
