/** Marks on a chart's canvas: the best point, and values that are not finite. Lengths are in CSS pixels. */

/** Draw a ring around the best point. */
export function drawBest(plot, { x, y }, stroke, ground) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const [left, top] = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
  if (!isInside(left, bbox.left, bbox.width) || !isInside(top, bbox.top, bbox.height)) return;
  ctx.save();
  ctx.beginPath();
  ctx.arc(left, top, 5 * ratio, 0, 2 * Math.PI);
  Object.assign(ctx, { strokeStyle: ground, lineWidth: 4 * ratio });
  ctx.stroke();
  Object.assign(ctx, { strokeStyle: stroke, lineWidth: 2 * ratio });
  ctx.stroke();
  ctx.restore();
}

/** Draw a cross at the bottom for NaN, and a triangle for an infinity: up at the top, down at the bottom. */
export function drawNonFinite(plot, marks, colour) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  Object.assign(ctx, { strokeStyle: colour, fillStyle: colour, lineWidth: 2 * ratio });
  for (const { x, kind } of marks) {
    const left = plot.valToPos(x, "x", true);
    if (isInside(left, bbox.left, bbox.width)) SHAPES[kind](ctx, left, bbox, 4 * ratio);
  }
  ctx.restore();
}

const isInside = (position, start, length) => position >= start - 1 && position <= start + length + 1;

const SHAPES = {
  nan(ctx, x, { top, height }, size) {
    const y = top + height - 2 * size;
    ctx.beginPath();
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x + size, y - size);
    ctx.lineTo(x - size, y + size);
    ctx.stroke();
  },
  inf: (ctx, x, { top }, size) => triangle(ctx, x, top + size, top + 3 * size, size),
  "-inf": (ctx, x, { top, height }, size) => triangle(ctx, x, top + height - size, top + height - 3 * size, size),
};

function triangle(ctx, x, tip, base, size) {
  ctx.beginPath();
  ctx.moveTo(x, tip);
  ctx.lineTo(x + size, base);
  ctx.lineTo(x - size, base);
  ctx.fill();
}
