/** The log's tail. It follows until somebody scrolls up. */
import { byId, make, setText, whenChanged } from "../dom.js";

let generation = -1;
let first = 0;
/** The line elements shown; the last one is the line being written. */
let shown = [];
let isFollowing = true;

export const renderLog = whenChanged(
  (state) => [state.log],
  ({ log }) => {
    const place = byId("log");
    if (log.generation !== generation) {
      generation = log.generation;
      place.replaceChildren();
      shown = [];
      isFollowing = true;
    }
    const { screen } = log;
    byId("no-log").hidden = log.nextOffset > 0;
    byId("log-download").hidden = log.nextOffset === 0;
    byId("log-note").hidden = log.offset === 0 && screen.first === 0;
    update(place, screen);
    if (isFollowing) place.scrollTop = place.scrollHeight;
    byId("log-follow").hidden = isFollowing;
  },
);

function update(place, screen) {
  if (shown.length === 0) first = screen.first;
  const dropped = Math.min(screen.first - first, shown.length);
  for (const line of shown.splice(0, dropped)) line.remove();
  first = screen.first;
  const lines = [...screen.lines, screen.text];
  // Lines that are complete do not change any more; the last one shown was perhaps still being written.
  for (let i = Math.max(0, shown.length - 1); i < lines.length; i += 1) {
    if (i === shown.length) shown.push(make("div"));
    setText(shown[i], lines[i]);
  }
  place.append(...shown.filter((line) => line.parentNode === null));
}

export function wireLog() {
  const place = byId("log");
  place.addEventListener("scroll", () => {
    isFollowing = place.scrollHeight - place.scrollTop - place.clientHeight < 24;
    byId("log-follow").hidden = isFollowing;
  });
  byId("log-follow").addEventListener("click", () => (place.scrollTop = place.scrollHeight));
}
