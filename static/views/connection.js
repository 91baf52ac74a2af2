/** Whether the page is live, in words that are always visible. */
import { byId, setText, whenChanged } from "../dom.js";
import { shortTime } from "../format.js";
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
    const text = explanation(connection, isLoaded) ?? notice;
    byId("notice").hidden = text === null;
    setText(byId("notice").querySelector("span"), text ?? "");
    byId("notice-close").hidden = text !== notice; // A message about the connection goes away by itself.
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
  const when = shortTime(new Date(lostAt).toISOString());
  return `No connection since ${when}. Runs continue without it, and this page catches up when it reconnects.`;
}
