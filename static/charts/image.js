/** A chart as a PNG file, as it looks now, with its title and legend. */
import { saveFile } from "../download.js";

const [MARGIN, TITLE, ROW] = [16, 24, 20];

/** Save what `plot` shows, under the chart's title. */
export function saveImage(plot, { title, axis, lines, palette }) {
  const canvas = drawImage(plot, { title, axis, lines, palette });
  canvas.toBlob((blob) => saveFile(blob, `${title.replaceAll(/[^\w.-]+/g, "_")}.png`), "image/png");
}

function drawImage(plot, { title, axis, lines, palette: { colour } }) {
  const ratio = devicePixelRatio;
  const source = plot.ctx.canvas;
  const width = source.width / ratio;
  const canvas = document.createElement("canvas");
  const ctx = canvas.getContext("2d");
  const entries = laidOut(ctx, lines, width);
  const top = MARGIN + TITLE + (entries.at(-1)?.row + 1 || 0) * ROW + 8;
  canvas.width = source.width + 2 * MARGIN * ratio;
  canvas.height = source.height + (top + MARGIN) * ratio;
  ctx.scale(ratio, ratio);
  ctx.fillStyle = colour("--ground");
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = colour("--ink");
  ctx.font = font(15, 600);
  ctx.fillText(`${title} by ${axis}`, MARGIN, MARGIN + 15);
  for (const entry of entries) drawEntry(ctx, entry, colour);
  ctx.drawImage(source, MARGIN, top, width, source.height / ratio);
  return canvas;
}

const font = (size, weight) => `${weight} ${size}px system-ui, -apple-system, "Segoe UI", sans-serif`;

/** Lay out the labels side by side, and then in the next row. */
function laidOut(ctx, lines, width) {
  let [x, row] = [0, 0];
  ctx.font = font(13, 400);
  return lines.map(({ label, tone, dash }) => {
    const needed = 28 + ctx.measureText(label).width + 20;
    if (x > 0 && x + needed > width) [x, row] = [0, row + 1];
    const entry = { label, tone, dash, x: MARGIN + x, row };
    x += needed;
    return entry;
  });
}

function drawEntry(ctx, { label, tone, dash, x, row }, colour) {
  const y = MARGIN + TITLE + row * ROW + 12;
  ctx.font = font(13, 400);
  ctx.fillText(label, x + 28, y);
  Object.assign(ctx, { strokeStyle: colour(tone), lineWidth: 2.5 });
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(x, y - 4);
  ctx.lineTo(x + 20, y - 4);
  ctx.stroke();
}
