/** Whether what the page shows is live, in words; always visible. */
import { byId, setText, whenChanged } from "../dom.js";
import { shortMoment } from "../format.js";
import { isLost } from "../state.js";

const WORDS = {
  connecting: "Connecting…",
  live: "Live",
  offline: "Offline, reconnecting…",
  refused: "No live updates",
};

export const renderConnection = whenChanged(
  (state) => [state.connection, state.notice, state.isLoaded],
  ({ connection, notice, isLoaded }) => {
    const element = byId("connection");
    element.dataset.status = connection.status;
    setText(element.querySelector("span"), WORDS[connection.status]);
    const told = explanation(connection, isLoaded) ?? notice;
    byId("notice").hidden = told === null;
    setText(byId("notice").querySelector("span"), told ?? "");
    byId("notice-close").hidden = told !== notice; // What is said of the connection goes by itself.
    document.body.classList.toggle("is-stale", isLoaded && isLost(connection));
  },
);

let lostAt = null;

function explanation({ status, message, since }, isLoaded) {
  if (status === "live" || status === "connecting") {
    lostAt = null;
    return null;
  }
  lostAt ??= since;
  if (message !== null) return message;
  if (!isLoaded) return "The service does not answer. This page reconnects when it does.";
  const when = shortMoment(new Date(lostAt).toISOString());
  return `No connection since ${when}. Runs continue without it, and this page catches up when it reconnects.`;
}
