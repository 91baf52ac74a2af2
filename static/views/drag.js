/** Rows that a person drags to another place with a mouse, a pen or a finger. */
import { dropPosition } from "../queue.js";

const EDGE_PX = 48;
const SCROLL_PX = 12;

/**
 * Let the rows of `list` be dragged by their `.grip`. `isMovable(row)` says which rows make room.
 * `dropped(row, position)` is called at the end, with null if the person gives up.
 */
export function draggable(list, { isMovable, dropped }) {
  /** {row, pointerId, y, position}; null while nothing is dragged. */
  let drag = null;

  function end(position) {
    const { row } = drag;
    drag = null;
    row.classList.remove("is-dragged");
    row.style.translate = "";
    mark(null);
    dropped(row, position);
  }

  function mark(target, side) {
    for (const each of list.children) each.classList.remove("is-before", "is-after");
    target?.classList.add(side);
  }

  function moveTo({ clientY, pageY }) {
    const rows = [...list.children].filter(isMovable);
    const from = rows.indexOf(drag.row);
    const middles = rows.map((row) => middleOf(row));
    drag.row.style.translate = `0 ${pageY - drag.y}px`;
    drag.position = dropPosition(middles, from, clientY);
    const index = drag.position - 1;
    mark(index === from ? null : rows[index], index < from ? "is-before" : "is-after");
    const edge = clientY < EDGE_PX ? -1 : clientY > innerHeight - EDGE_PX ? 1 : 0;
    if (edge) scrollBy(0, edge * SCROLL_PX);
  }

  list.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".grip");
    if (!grip || event.button !== 0 || drag) return;
    list.setPointerCapture(event.pointerId);
    drag = { row: grip.closest("li"), pointerId: event.pointerId, y: event.pageY, position: null };
    drag.row.classList.add("is-dragged");
  });
  list.addEventListener("pointermove", (event) => event.pointerId === drag?.pointerId && moveTo(event));
  list.addEventListener("pointerup", (event) => event.pointerId === drag?.pointerId && end(drag.position));
  list.addEventListener("lostpointercapture", (event) => event.pointerId === drag?.pointerId && end(null));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drag) return;
    list.releasePointerCapture(drag.pointerId);
    end(null);
  });
  return { isDragging: () => drag !== null };
}

/** A row's middle where it lies, not where it is dragged to. */
function middleOf(row) {
  const { top, height } = row.getBoundingClientRect();
  const shift = Number.parseFloat(row.style.translate.split(" ")[1] ?? "0");
  return top - shift + height / 2;
}
