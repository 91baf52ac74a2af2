/** Values as people read them. Whatever is unknown is a dash. */
export const UNKNOWN = "–";

const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"];

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export function count(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en").replaceAll(",", "\u2009") : UNKNOWN;
}

/** A number of things: "1 run", "12 runs". */
export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A number that a program counts by, such as an epoch: whole, or with the digits of its fraction that matter. */
export const numeral = (value) => (isNumber(value) ? String(Number(value.toPrecision(6))) : UNKNOWN);

/** A parameter's value in words: a text as it is, "none" for null, else JSON. */
export function parameterText(value) {
  if (value === undefined) return UNKNOWN;
  if (value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A metric's value: short, with enough digits to tell neighbours apart. */
export function metric(value) {
  if (Number.isNaN(value)) return "NaN";
  if (Math.abs(value) === Infinity) return value > 0 ? "\u221e" : "\u2212\u221e";
  if (!isNumber(value)) return UNKNOWN;
  const size = Math.abs(value);
  return digits(value, size).replace("e+", "e").replaceAll("-", "\u2212");
}

function digits(value, size) {
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2);
  if (size !== 0 && size < 0.01) return value.toPrecision(3);
  return value.toFixed(size >= 1000 ? 1 : size >= 10 ? 2 : 4);
}

export function rate(value) {
  if (!isNumber(value)) return UNKNOWN;
  return value >= 100 ? count(value) : value.toPrecision(3);
}

/** A share in whole percent, rounded down: 100% means all of it. */
export const percent = (fraction) => `${Math.floor(100 * fraction + 1e-9)}%`;

export function duration(seconds) {
  if (!isNumber(seconds) || seconds < 0) return UNKNOWN;
  const whole = Math.round(seconds);
  const days = Math.floor(whole / 86400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${whole % 60} s`;
  return `${whole} s`;
}

/** A duration in its largest unit: "12 min", "3 h". */
export const roughly = (seconds) => duration(seconds).split(" ").slice(0, 2).join(" ");

/** A time as briefly as is clear: today without the date, this year without the year. */
export function shortTime(iso) {
  const time = new Date(iso ?? NaN);
  if (Number.isNaN(time.getTime())) return UNKNOWN;
  const now = new Date();
  const clock = time.toLocaleString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (time.toDateString() === now.toDateString()) return clock;
  const year = time.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return `${time.toLocaleString("en-GB", { day: "numeric", month: "short", year })}, ${clock}`;
}

/** A share with two digits: 99.17%. */
export function percentage(fraction) {
  return isNumber(fraction) ? `${(100 * fraction).toFixed(fraction === 1 || fraction === 0 ? 0 : 2)}%` : UNKNOWN;
}

export function bytes(number) {
  if (!isNumber(number)) return UNKNOWN;
  let [value, unit] = [number, 0];
  while (value >= 999.5 && unit + 1 < UNITS.length) [value, unit] = [value / 1000, unit + 1];
  return `${unit === 0 ? value : value.toPrecision(3)}\u202f${UNITS[unit]}`;
}

export const megabytes = (number) => (isNumber(number) ? bytes(1e6 * number) : UNKNOWN);

/** The time of day in so many seconds, with the date unless it is today. */
export function clock(seconds) {
  if (!isNumber(seconds) || seconds < 0) return UNKNOWN;
  const time = new Date(Date.now() + 1000 * seconds);
  const isToday = time.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { weekday: "short", month: "short", day: "numeric" };
  return time.toLocaleString("en-GB", { ...day, hour: "2-digit", minute: "2-digit" });
}

export function secondsBetween(from, to) {
  return (Date.parse(to ?? "") - Date.parse(from ?? "")) / 1000;
}

/** A reason as a sentence. */
export const sentence = (text) => text.replace(/^./, (first) => first.toUpperCase()).replace(/([^.!?])$/, "$1.");

export const experimentName = (fileName) => fileName?.replace(/\.ya?ml$/, "") ?? "unknown experiment";

/** What people call a run: its title, or else its experiment, or else its id. */
export const runName = ({ title, config_name, run_id }) =>
  title ?? (config_name ? experimentName(config_name) : run_id);

/** The dataset's name, or else the folder's around its images: a resumed run names no dataset. */
export function datasetName(request) {
  const { dataset, train_data_dir, val_data_dir, test_data_dir } = request ?? {};
  const folder = train_data_dir ?? val_data_dir ?? test_data_dir;
  return dataset ?? folder?.split("/").filter(Boolean).at(-2);
}
