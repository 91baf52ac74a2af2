/** When to draw: at once what a person waits for, and the rest of what streams in a few times a second. */

const DRAW_EVERY_MS = 300;

/** Return a store's listener that draws with `draw(state)`. A frame is asked for once, however many changes come before it. */
export function createDrawing(draw, getState) {
  let isFrameAsked = false;
  let isTimerSet = false;
  let drawnAt = -Infinity;

  function drawNow() {
    [isFrameAsked, isTimerSet, drawnAt] = [false, false, performance.now()];
    draw(getState());
  }

  function askFrame() {
    if (isFrameAsked) return;
    isFrameAsked = true;
    requestAnimationFrame(drawNow);
  }

  return {
    drawNow,
    changed(state, before) {
      const isUrgent = ["view", "run", "detail", "queue"].some((name) => state[name] !== before[name]);
      const wait_ms = drawnAt + DRAW_EVERY_MS - performance.now();
      if (isUrgent || wait_ms <= 0) {
        askFrame();
      } else if (!isTimerSet) {
        isTimerSet = true;
        setTimeout(askFrame, wait_ms);
      }
    },
  };
}
