/** The colours and styles of terminals (SGR, `ESC [ ... m`): 16, 256 and 24-bit colours. Pure. */

const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const ENDS = { 21: ["bold"], 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
const LEVELS = [0, 95, 135, 175, 215, 255];

/**
 * The style after a sequence with these parameters, such as "1;38;5;208". A style is {fg, bg, bold, dim, ...}, or null for
 * plain text. A colour is 0 to 15 for one of the theme's, else "rgb(...)".
 */
export function styled(style, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  const next = { ...style };
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    const base = Math.floor(code / 10);
    if (code === 0) for (const key of Object.keys(next)) delete next[key];
    else if (code in FLAGS) next[FLAGS[code]] = true;
    else if (code in ENDS) for (const flag of ENDS[code]) delete next[flag];
    else if (code === 38 || code === 48) i = extended(next, code === 38 ? "fg" : "bg", codes, i);
    else if (code === 39) delete next.fg;
    else if (code === 49) delete next.bg;
    else if (base === 3 || base === 4) next[base === 3 ? "fg" : "bg"] = code % 10;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
  }
  return Object.keys(next).length ? next : null;
}

/** Read a colour of 256 (5;n) or of 24 bits (2;r;g;b). Return the index of its last code. */
function extended(style, ground, codes, i) {
  if (codes[i + 1] === 5) {
    const colour = ofPalette(codes[i + 2]);
    if (colour !== null) style[ground] = colour;
    return i + 2;
  }
  const rgb = codes.slice(i + 2, i + 5);
  if (codes[i + 1] === 2 && rgb.length === 3 && rgb.every((part) => part >= 0 && part <= 255))
    style[ground] = `rgb(${rgb.join(", ")})`;
  return codes[i + 1] === 2 ? i + 4 : i + 1;
}

function ofPalette(index) {
  if (!Number.isInteger(index) || index < 0 || index > 255) return null;
  if (index < 16) return index;
  if (index >= 232)
    return `rgb(${Array(3)
      .fill(8 + 10 * (index - 232))
      .join(", ")})`;
  const cube = index - 16;
  return `rgb(${[Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => LEVELS[level]).join(", ")})`;
}
